// What more than one view shows: pictures, prices, messages.
import {drawing, tone} from './art.js';
import {h, unseen} from './dom.js';

const DOLLARS = new Intl.NumberFormat('en-US', {style: 'currency', currency: 'USD'});

/** From a decimal string: '9999999999.99' → '$9,999,999,999.99'. */
export const money = (amount) => DOLLARS.format(amount);

/** The sale price beside the struck-through one; without a sale, the one price. */
export function price(original, sale) {
  if (sale === null || sale === undefined) return h('span', {class: 'price'}, money(original));
  return h('span', {class: 'price'},
    h('span', {class: 'sale'}, unseen('Sale price '), money(sale)), ' ',
    h('s', {}, unseen('instead of '), money(original)));
}

/** Only what surely is a picture on the web is asked for. */
function pictureUrl(text) {
  try {
    const url = new URL(text);
    return /^(https?|data):$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A box that has its size before anything is loaded: a drawing, and the photo over it as soon as it is there.
 * `label` says what is seen; without one it is decoration. */
export function picture({url, id, category, fill, label, lazy = true}) {
  const source = pictureUrl(url);
  const image = source && h('img', {
    src: source, alt: '', loading: lazy ? 'lazy' : 'eager', decoding: 'async', referrerpolicy: 'no-referrer',
    onload: (event) => event.target.classList.add('loaded'),
    onerror: (event) => event.target.remove(),
  });
  return h('div', {class: `frame ${tone(id)}`, ...(label ? {role: 'img', 'aria-label': label} : {'aria-hidden': 'true'})},
    drawing(category, fill), image);
}

export const productHref = (id, style) => `/?product=${id}${style ? `&style=${style}` : ''}`;

/** The whole view, if there is nothing else to show. */
export function message(title, text, ...more) {
  return h('section', {class: 'message'}, h('h1', {tabindex: '-1'}, title), h('p', {}, text), ...more);
}
