// What goes with a product: cards, and a comparison with the product that is shown.
import {h, show, unseen} from './dom.js';
import {picture, price, productHref} from './parts.js';

const yes = () => [h('span', {class: 'yes', 'aria-hidden': 'true'}, '✓'), unseen('yes')];

function value(features, name) {
  const found = features.filter(({feature}) => feature === name);
  if (found.length === 0) return h('td', {class: 'quiet'}, '–', unseen('not stated'));
  const texts = [...new Set(found.map((row) => row.value).filter(Boolean))];
  return h('td', {}, texts.length ? texts.join(', ') : yes());
}

function table(one, other) {
  const names = [...new Set([...one.features, ...other.features].map(({feature}) => feature))];
  const row = (name, ...cells) => h('tr', {}, h('th', {scope: 'row'}, name), cells);
  return h('table', {},
    h('thead', {}, h('tr', {}, h('td'), h('th', {scope: 'col'}, one.name), h('th', {scope: 'col'}, other.name))),
    h('tbody', {},
      row('Price', ...[one, other].map((it) => h('td', {}, price(it.original_price, it.sale_price)))),
      row('Category', ...[one, other].map((it) => h('td', {}, it.category ?? '–'))),
      names.map((name) => row(name, value(one.features, name), value(other.features, name)))));
}

function compare(one, other) {
  const dialog = h('dialog', {class: 'compare', 'aria-labelledby': 'compare-title', onclose: () => dialog.remove(),
    onclick: (event) => event.target === dialog && dialog.close()});
  dialog.append(h('div', {class: 'sheet'},
    h('h2', {id: 'compare-title', tabindex: '-1', autofocus: true}, 'Side by side'),
    h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Comparison'}, table(one, other)),
    h('div', {class: 'actions'},
      h('a', {class: 'button', href: productHref(other.id), onclick: () => dialog.close()}, `View ${other.name}`),
      h('button', {type: 'button', class: 'button plain', onclick: () => dialog.close()}, 'Close'))));
  document.body.append(dialog);
  dialog.showModal();
}

function card(product, shown) {
  return h('li', {},
    h('a', {class: 'card', href: productHref(product.id)},
      picture({url: product.thumbnail_url, id: product.id, category: product.category}),
      h('span', {class: 'kind'}, product.category),
      h('span', {class: 'name'}, product.name || `Product ${product.id}`),
      price(product.original_price ?? product.default_price, product.sale_price)),
    h('button', {type: 'button', class: 'button small', id: `compare-${product.id}`, onclick: () => compare(shown(), priced(product))},
      'Compare', unseen(` with ${product.name}`)));
}

const priced = (product) => ({...product, original_price: product.original_price ?? product.default_price});

const waiting = () => h('li', {class: 'card', 'aria-hidden': 'true'}, h('div', {class: 'frame'}), h('span', {class: 'kind'}, '\u00a0'),
  h('span', {class: 'name'}, '\u00a0'), h('span', {class: 'price'}, '\u00a0'), h('span', {class: 'button small'}, '\u00a0'));

/** {element, wait, update}. `shown` gives the product on the page, for the comparison. */
export function relatedView(shown) {
  const row = h('ul', {class: 'grid'});
  const element = h('section', {class: 'related', 'aria-labelledby': 'related-title', hidden: true},
    h('h2', {id: 'related-title'}, 'Goes well with it'), row);
  return {
    element,
    /** Room for so many cards, until they are there. */
    wait(count) {
      element.hidden = count === 0;
      if (!row.firstChild) show(row, count, () => Array.from({length: count}, waiting));
    },
    update(cards) {
      element.hidden = cards.length === 0;
      show(row, cards, () => cards.map((product) => card(product, shown)));
    },
    failed() {
      show(row, 'failed', () => h('li', {class: 'wide quiet'}, 'These could not be loaded.'));
    },
  };
}
