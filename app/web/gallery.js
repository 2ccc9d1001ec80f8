// The photos of a style: one large, all as thumbnails.
import {colour} from './art.js';
import {h, show} from './dom.js';
import {picture} from './parts.js';

const NONE = [{url: null, thumbnail_url: null}]; // then one drawing is shown

/** {element, update(product, style)}: `style` may be undefined. */
export function galleryView() {
  const large = h('div', {class: 'large'});
  const small = h('ul', {class: 'thumbnails'});
  const element = h('section', {class: 'gallery', 'aria-label': 'Photos'}, large, small);
  let product;
  let style;
  let at = 0;

  const photos = () => (style?.photos.length ? style.photos : NONE);
  const look = (photo) => ({id: product.id, category: product.category, fill: colour(style?.name), url: photo});
  const place = () => (photos().length > 1 ? `, photo ${at + 1} of ${photos().length}` : '');

  function turn(to) {
    at = (to + photos().length) % photos().length;
    draw();
  }

  const button = (id, step, label, text) =>
    h('button', {type: 'button', id, class: `turn ${id}`, 'aria-label': label, onclick: () => turn(at + step)}, text);

  function drawLarge() {
    const label = `${product.name}${style ? `, ${style.name}` : ''}${place()}`;
    return [picture({...look(photos()[at].url ?? photos()[at].thumbnail_url), label, lazy: false}),
      photos().length > 1 && button('photo-before', -1, 'Previous photo', '‹'),
      photos().length > 1 && button('photo-after', 1, 'Next photo', '›')];
  }

  const thumbnail = ({url, thumbnail_url: thumb}, i) => h('li', {},
    h('button', {type: 'button', id: `photo-${i}`, 'aria-label': `Photo ${i + 1} of ${photos().length}`,
      'aria-current': i === at ? 'true' : false, onclick: () => turn(i)}, picture({...look(thumb ?? url), lazy: false})));

  function draw() {
    show(large, [product.id, product.name, product.category, style?.name, photos(), at], drawLarge);
    show(small, [product.category, style?.name, photos(), at], () => (photos().length > 1 ? photos().map(thumbnail) : []));
  }

  return {
    element,
    update(shownProduct, shownStyle) {
      if (shownStyle?.style_id !== style?.style_id || at >= (shownStyle?.photos.length ?? 0)) at = 0;
      product = shownProduct;
      style = shownStyle;
      draw();
    },
  };
}
