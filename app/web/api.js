// Asks the API. The browser's own cache keeps answers and asks whether they still hold (If-None-Match → 304).

const TRIES = 4;
const PAUSE_MS = 150;

export class NotFound extends Error {}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Ids go up to 2⁶³ − 1: those that a number cannot hold stay as they are written. */
function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(context?.source) ? context.source : value);
}

async function once(path, signal) {
  const response = await fetch(path, {signal, headers: {Accept: 'application/json'}});
  if (response.status === 404 || response.status === 400) throw new NotFound(path); // 400: no id at all, or beyond all ids
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return {
    data: parse(await response.text()),
    etag: response.headers.get('ETag'),
    version: response.headers.get('Catalogue-Version'),
    link: response.headers.get('Link') ?? '',
    // RFC 9211: the server says so when it cannot vouch for what it shows.
    unsure: (response.headers.get('Cache-Status') ?? '').includes('detail='),
  };
}

/** {data, etag, version, link, unsure}. A connection that breaks is tried again: by then another replica answers. */
export async function get(path, signal) {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await once(path, signal);
    } catch (error) {
      if (left === 0 || error instanceof NotFound || signal?.aborted) throw error;
      await pause(PAUSE_MS * (TRIES - left));
    }
  }
}

/** The targets of a Link header, {next: '/products?page=2&count=24', …}. */
export function links(header) {
  return Object.fromEntries([...header.matchAll(/<([^>]*)>;\s*rel="?(\w+)"?/g)].map(([, target, rel]) => [rel, target]));
}
