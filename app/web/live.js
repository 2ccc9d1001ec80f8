// What is on the screen follows the catalogue.

const EVERY_MS = 2000;

/** Calls `look` (async, never throws) again and again until the returned function is called: at each event, if the
 * page names a stream of them, else every two seconds; only while the page is visible, and at once when it is again. */
export function follow(ids, look) {
  let timer;
  let source;
  let ended = false;

  async function turn() {
    clearTimeout(timer);
    await look();
    clearTimeout(timer);
    if (!ended && !source && !document.hidden) timer = setTimeout(turn, EVERY_MS);
  }

  function listen(url) {
    source = new EventSource(`${url}?ids=${ids.join(',')}`);
    for (const kind of ['message', 'change', 'reload', 'open']) source.addEventListener(kind, look);
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      source = undefined;
      turn();
    });
  }

  function visibility() {
    if (!document.hidden) turn();
  }

  const stream = document.querySelector('meta[name=events]')?.content;
  document.addEventListener('visibilitychange', visibility);
  if (stream && ids.length > 0) listen(stream);
  else timer = setTimeout(turn, EVERY_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
    document.removeEventListener('visibilitychange', visibility);
  };
}
