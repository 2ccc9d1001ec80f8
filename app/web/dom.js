// Elements from data. Text goes in as text nodes and attributes as attributes: nothing from the catalogue is ever
// parsed as markup.

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** h('p', {class: 'quiet'}, 'text', node, [more]): false, null and undefined are left out. */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

/** Said to screen readers, not shown. */
export const unseen = (text) => h('span', {class: 'unseen'}, text);

const shown = new WeakMap();

/** Shows what `build` makes of `data` inside of `place`, and does nothing while the data stays the same: focus, an
 * open list and a running fade survive. Whatever had the focus has it again, if it has an id. */
export function show(place, data, build) {
  const key = JSON.stringify(data);
  if (shown.get(place) === key) return false;
  shown.set(place, key);
  const focused = place.contains(document.activeElement) && document.activeElement.id;
  place.replaceChildren(...[build(data)].flat().filter(Boolean));
  if (focused) document.getElementById(focused)?.focus({preventScroll: true});
  return true;
}

/** A short tint, for what has changed by itself. */
export function tint(node) {
  node.classList.remove('tint');
  void node.offsetWidth; // so that the animation starts anew
  node.classList.add('tint');
}
