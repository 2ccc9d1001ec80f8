// What is on the screen follows the catalogue.

const EVERY_MS = 2000;
const stream = document.querySelector('meta[name=events]')?.content;

/** Calls `look` (async, never throws) again and again until the returned function is called: at each event, if the
 * page names a stream of them, else every two seconds; only while the page is visible, and at once when it is again. */
export function follow(ids, look) {
  let timer;
  let source;
  let looking = false;
  let again = false;
  let ended = false;

  function later() {
    clearTimeout(timer);
    if (!ended && !document.hidden) timer = setTimeout(turn, EVERY_MS);
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
    if (!source) later();
  }

  function listen() {
    let opened = false;
    source = new EventSource(`${stream}?ids=${ids.join(',')}`);
    for (const kind of ['message', 'change', 'reload']) source.addEventListener(kind, turn);
    source.addEventListener('open', () => {
      if (opened) turn();
      else later(); // once, for what changed before somebody told
      opened = true;
    });
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      source = undefined;
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
    else later();
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
