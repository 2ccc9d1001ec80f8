// Which view is shown: /, /?page=2, /?product=11 and /?product=11&style=2. Links and the back button work without loading
// the page anew.
import {get, NotFound} from './api.js';
import {h} from './dom.js';
import {listPath, listView} from './list.js';
import {follow} from './live.js';
import {message, productHref} from './parts.js';
import {productPath, productView, relatedPath} from './product.js';

const main = document.getElementById('main');
const notice = document.getElementById('notice');
const version = document.getElementById('version');
const ID = /^[1-9]\d{0,18}$/;
const PAGE = /^[1-9]\d{0,14}$/;

let address; // whose view is shown: location.search
let leave = () => {}; // ends what the view that is shown has under way

function say(text) {
  if (notice.textContent !== text) notice.textContent = text;
}

/** What every answer tells of how sure it is. */
function note(answer) {
  if (answer.version) version.textContent = `Catalogue version ${answer.version}`;
  say(answer.unsure ? 'These prices and stocks could not be confirmed just now; the shop keeps trying.' : '');
}

function put(element, title) {
  document.title = title;
  main.replaceChildren(element);
  main.removeAttribute('aria-busy');
}

/** What is shown is asked for again, and shown if it has another ETag. Never throws. */
function looker(path, view, shown, signal) {
  let etag = shown.etag;
  return async () => {
    try {
      const answer = await get(path, signal);
      if (signal.aborted) return;
      note(answer);
      if (answer.etag === etag) return;
      etag = answer.etag;
      view.update(answer);
    } catch (error) {
      if (signal.aborted) return;
      say(error instanceof NotFound ? 'This product has just left the catalogue.' : 'No connection: prices and stock may have changed meanwhile.');
    }
  };
}

async function showList(page, signal) {
  const answer = await get(listPath(page), signal);
  const view = listView(page);
  view.update(answer);
  note(answer);
  put(view.element, view.title);
  return follow(answer.data.map(({id}) => id), looker(listPath(page), view, answer, signal));
}

async function showRelated(view, cards) {
  try {
    view.related.update((await cards).data);
  } catch {
    view.related.failed();
  }
}

async function showProduct(id, style, signal) {
  const cards = get(relatedPath(id), signal);
  cards.catch(() => {}); // it is looked at once the product is there
  const answer = await get(productPath(id), signal);
  const view = productView(style, (chosen) => {
    history.replaceState(history.state, '', productHref(id, chosen));
    address = location.search;
  });
  view.update(answer);
  note(answer);
  put(view.element, view.title);
  showRelated(view, cards);
  return follow(view.ids, looker(productPath(id), view, answer, signal));
}

function showFailure(error) {
  const back = h('a', {class: 'button', href: '/'}, 'To the catalogue');
  if (error instanceof NotFound) {
    put(message('Not here', 'There is no such product in the catalogue.', back), 'Not here – Atelier');
  } else {
    const again = h('button', {type: 'button', class: 'button', onclick: () => route(false)}, 'Try again');
    put(message('That did not work', 'The catalogue cannot be reached at the moment.', again), 'No connection – Atelier');
  }
}

function target() {
  const query = new URLSearchParams(location.search);
  const [product, style, page] = ['product', 'style', 'page'].map((name) => query.get(name));
  if (product !== null && !ID.test(product)) return () => Promise.reject(new NotFound());
  if (product !== null) return (signal) => showProduct(product, style, signal);
  return (signal) => showList(PAGE.test(page ?? '') ? Number(page) : 1, signal);
}

/** Shows what the address says. `moved`: somebody came here from another view, so the heading gets the focus. */
async function route(moved, scroll = 0) {
  const leaving = new AbortController();
  let stop = () => {};
  address = location.search;
  leave();
  leave = () => {
    leaving.abort();
    stop();
  };
  document.querySelector('dialog[open]')?.close();
  main.setAttribute('aria-busy', 'true');
  try {
    const ending = await target()(leaving.signal);
    if (leaving.signal.aborted) ending();
    else stop = ending;
  } catch (error) {
    if (leaving.signal.aborted) return;
    showFailure(error);
  }
  if (leaving.signal.aborted || !moved) return;
  main.querySelector('h1')?.focus({preventScroll: true});
  window.scrollTo(0, scroll);
}

function remember() {
  history.replaceState({...history.state, scroll: window.scrollY}, '');
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.pathname !== '/' || url.hash) return;
  event.preventDefault();
  remember();
  history.pushState({}, '', url);
  route(true);
});
addEventListener('popstate', (event) => {
  if (location.search !== address) route(true, event.state?.scroll ?? 0); // else it is only #main
});
history.scrollRestoration = 'manual';
addEventListener('pagehide', remember);
route(false).then(() => window.scrollTo(0, history.state?.scroll ?? 0));
