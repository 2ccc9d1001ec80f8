// A product: photos, price, styles, sizes, stock, what is said of it, and what goes with it.
import {colour} from './art.js';
import {h, show, tint, unseen} from './dom.js';
import {galleryView} from './gallery.js';
import {money, price} from './parts.js';
import {relatedView} from './related.js';

const AT_MOST = 15; // of one size at once
const FEW = 5;

export const productPath = (id) => `/products/${id}/full`;
export const relatedPath = (id) => `/products/${id}/related/cards`;

/** [size, how many there are]: a style may have two skus of one size. */
function sizesOf(style) {
  const sizes = new Map();
  for (const {size, quantity} of Object.values(style?.skus ?? {})) sizes.set(size, (sizes.get(size) ?? 0) + quantity);
  return [...sizes];
}

const choice = (group, id, checked, disabled, onchange, ...label) =>
  h('label', {class: `choice ${group}`},
    h('input', {type: 'radio', name: group, id, value: id, checked, disabled, onchange}), h('span', {}, ...label));

function stylesPart({styles, style}, choose) {
  return h('fieldset', {},
    h('legend', {}, 'Style', h('span', {class: 'chosen'}, style.name)),
    h('div', {class: 'choices'}, styles.map((it) => choice('style', `style-${it.style_id}`, it === style, false, () => choose(it.style_id),
      h('i', {class: 'swatch', 'data-colour': colour(it.name) ?? ''}), it.name || `Style ${it.style_id}`))));
}

function sizesPart(sizes, size, choose) {
  return h('fieldset', {},
    h('legend', {}, 'Size'),
    h('div', {class: 'choices'}, sizes.map(([name, left], i) => choice('size', `size-${i}`, name === size, left === 0, () => choose(name),
      name, left === 0 && unseen(', out of stock')))));
}

function quantityPart(left, quantity, choose) {
  const options = Array.from({length: Math.min(left, AT_MOST)}, (_, i) =>
    h('option', {value: i + 1, selected: i + 1 === quantity}, String(i + 1)));
  return h('p', {class: 'quantity'},
    h('label', {for: 'quantity'}, 'Quantity'),
    h('select', {id: 'quantity', disabled: left === 0, onchange: (event) => choose(Number(event.target.value))},
      options.length ? options : h('option', {}, '–')));
}

function stockText(sizes, size, left) {
  if (sizes.every(([, count]) => count === 0)) return 'Out of stock';
  if (size === undefined) return 'Choose a size';
  if (left === 0) return `Size ${size} is out of stock`;
  return left <= FEW ? `Only ${left} left` : 'In stock';
}

function featuresPart(features) {
  if (features.length === 0) return null;
  return [h('h2', {}, 'Details'), h('dl', {}, features.map(({feature, value}) =>
    h('div', {}, h('dt', {}, feature), h('dd', {}, value || [h('span', {class: 'yes', 'aria-hidden': 'true'}, '✓'), unseen('yes')]))))];
}

/** {element, title, update(full), related}. `moved(style id)` is told when another style was chosen. */
export function productView(wantedStyle, moved) {
  let full;
  let styleId = wantedStyle;
  let size;
  let quantity = 1;

  const part = (attributes = {}) => h('div', attributes);
  const at = {heading: part(), price: part({class: 'amount', 'aria-live': 'polite', 'aria-atomic': 'true'}), styles: part(), sizes: part(),
    quantity: part(), stock: h('p', {class: 'stock', role: 'status'}), total: h('p', {class: 'total', 'aria-live': 'polite'}), words: part({class: 'words'}),
    features: part({class: 'features'})};
  const gallery = galleryView();
  const style = () => {
    const styles = full.styles.results;
    return styles.find((it) => String(it.style_id) === String(styleId)) ?? styles.find((it) => it['default?']) ?? styles[0];
  };
  const related = relatedView(() => ({...full.product, original_price: style()?.original_price ?? full.product.default_price,
    sale_price: style()?.sale_price ?? null}));

  function choose(change) {
    change();
    draw();
  }

  const chooseStyle = (id) => choose(() => {
    styleId = id;
    moved(id);
  });

  function drawHeading({id, category, name, slogan}) {
    show(at.heading, [id, category, name, slogan], () => [
      h('nav', {class: 'trail', 'aria-label': 'You are here'}, h('a', {href: '/'}, 'Catalogue'), category && h('span', {}, category)),
      h('h1', {id: 'title', tabindex: '-1'}, name || `Product ${id}`), slogan && h('p', {class: 'slogan'}, slogan)]);
  }

  function drawStock(shown) {
    const sizes = sizesOf(shown);
    if (!sizes.some(([name]) => name === size)) size = sizes.length === 1 ? sizes[0][0] : undefined;
    const left = sizes.find(([name]) => name === size)?.[1] ?? 0;
    quantity = Math.max(1, Math.min(quantity, left));
    show(at.sizes, [sizes, size], () => sizes.length > 0 && sizesPart(sizes, size, (name) => choose(() => { size = name; })));
    show(at.quantity, [left, quantity, sizes.length], () => sizes.length > 0 && quantityPart(left, quantity, (n) => choose(() => { quantity = n; })));
    const text = stockText(sizes, size, left);
    at.stock.classList.toggle('gone', text.toLowerCase().includes('out of stock'));
    at.stock.classList.toggle('open', text === 'Choose a size');
    const changed = show(at.stock, text, () => text);
    const each = shown?.sale_price ?? shown?.original_price;
    show(at.total, [left && quantity, each], () => left > 0 && quantity > 1 && `${quantity} for ${money((Math.round(each * 100) * quantity / 100).toFixed(2))}`);
    return changed;
  }

  function draw() {
    const {product, styles: {results: styles}} = full;
    const shown = style();
    drawHeading(product);
    gallery.update(product, shown);
    const cost = [shown?.original_price ?? product.default_price, shown?.sale_price];
    const dearer = show(at.price, cost, () => price(...cost));
    show(at.styles, [styles.map((it) => [it.style_id, it.name]), shown?.style_id], () => shown && stylesPart({styles, style: shown}, chooseStyle));
    at.styles.querySelectorAll('.swatch').forEach((it) => it.style.setProperty('--colour', it.dataset.colour || 'transparent'));
    const stocked = drawStock(shown);
    show(at.words, product.description, (text) => text && h('p', {}, text));
    show(at.features, product.features, featuresPart);
    related.wait(full.related.length);
    return [dearer && at.price, stocked && at.stock].filter(Boolean);
  }

  return {
    related,
    get title() { return `${full.product.name || `Product ${full.product.id}`} – Atelier`; },
    get ids() { return [full.product.id]; },
    element: h('div', {},
      h('article', {class: 'product', 'aria-labelledby': 'title'}, gallery.element,
        h('div', {class: 'buy'}, at.heading, at.price, at.styles, at.sizes, at.quantity, at.stock, at.total),
        h('div', {class: 'more'}, at.words, at.features)),
      related.element),
    /** What has changed since the last time is tinted for a moment. */
    update({data}) {
      const first = !full;
      full = data;
      const changed = draw();
      if (!first) changed.forEach(tint);
    },
  };
}

