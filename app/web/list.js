// The catalogue, page by page.
import {links} from './api.js';
import {h, show} from './dom.js';
import {money, picture, productHref} from './parts.js';

const COUNT = 24; // fills rows of two, three and four

export const listPath = (page) => `/products?page=${page}&count=${COUNT}`;

function card(product) {
  return h('li', {},
    h('a', {class: 'card', href: productHref(product.id)},
      picture({id: product.id, category: product.category}),
      h('span', {class: 'kind'}, product.category),
      h('span', {class: 'name'}, product.name || `Product ${product.id}`),
      h('span', {class: 'line'}, product.slogan),
      h('span', {class: 'price'}, money(product.default_price))));
}

const pageOf = (target) => Number(new URLSearchParams(target?.split('?')[1]).get('page'));

function pager(page, link) {
  const target = links(link);
  const last = Math.max(pageOf(target.last), 1);
  const step = (rel, text, to) =>
    target[rel] && to !== page ? h('a', {href: to === 1 ? '/' : `/?page=${to}`, rel}, text) : h('span', {'aria-disabled': 'true'}, text);
  return h('nav', {class: 'pager', 'aria-label': 'Pages'},
    step('first', 'First', 1), step('prev', 'Previous', pageOf(target.prev)),
    h('span', {'aria-current': 'page'}, `Page ${page} of ${last}`),
    step('next', 'Next', pageOf(target.next)), step('last', 'Last', last));
}

/** {element, title, update}: update takes what get() gave. */
export function listView(page) {
  const grid = h('ul', {class: 'grid'});
  const pages = h('div');
  const update = ({data, link}) => {
    show(grid, data, (cards) => cards.length ? cards.map(card) : h('li', {class: 'wide'}, 'There is nothing on this page.'));
    show(pages, [page, link], () => pager(page, link));
  };
  const element = h('section', {'aria-labelledby': 'title'},
    h('div', {class: 'lead'},
      h('h1', {id: 'title', tabindex: '-1'}, page === 1 ? 'The catalogue' : `The catalogue, page ${page}`),
      page === 1 && h('p', {}, 'Things to wear and to carry, each with its price as it is right now.')),
    grid, pages);
  return {element, title: page === 1 ? 'Atelier' : `Page ${page} – Atelier`, update};
}
