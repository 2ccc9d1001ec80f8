// What is on the screen follows the catalogue.

const EVERY_MS = 2000;
const SELDOM_MS = 15000; // beside a stream, which does not tell how sure the server is
const stream = document.querySelector('meta[name=events]')?.content;

/** Calls `look` (async, never throws) again and again until the returned function is called: at each event, if the
 * page names a stream of them, else every two seconds; only while the page is visible, and at once when it is again. */
export function follow(ids, look) {
  let timer;
  let source;
  let looking = false;
  let again = false;
  let ended = false;

  function later(ms) {
    clearTimeout(timer);
    if (!ended && !document.hidden) timer = setTimeout(turn, ms);
  }

  /** One look at a time: what is told meanwhile is looked for after it. */
  async function turn() {
    again = true;
    if (looking) return;
    looking = true;
    while (again && !ended) {
      again = false;
      await look();
    }
    looking = false;
    later(source ? SELDOM_MS : EVERY_MS);
  }

  function listen() {
    let opened = false;
    source = new EventSource(`${stream}?ids=${ids.join(',')}`);
    for (const kind of ['message', 'change', 'reload']) source.addEventListener(kind, turn);
    source.addEventListener('open', () => {
      if (opened) turn();
      else later(EVERY_MS); // once, for what changed before somebody told
      opened = true;
    });
    source.addEventListener('error', () => {
      if (source?.readyState === EventSource.CLOSED) source = undefined; // else the browser connects again by itself
      turn();
    });
  }

  /** A page that nobody sees keeps no connection open. */
  function rest() {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  }

  function start() {
    if (stream && ids.length > 0) listen();
    else later(EVERY_MS);
  }

  function visibility() {
    rest();
    if (document.hidden) return;
    start();
    turn();
  }

  document.addEventListener('visibilitychange', visibility);
  start();
  return () => {
    ended = true;
    rest();
    document.removeEventListener('visibilitychange', visibility);
  };
}
