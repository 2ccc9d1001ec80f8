// Chromium on the stack's page, and all that it asked for. The environment says where (conftest.py).
import {execFileSync} from 'node:child_process';
import {createHash, X509Certificate} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const env = process.env;
export const WAIT_MS = 10000; // a busy machine takes its time; what has to be quick says so itself
export const URL_OF_SHOP = env.ATELIER_URL;

/** Of the modules that get-modules has installed. */
export const need = (name) => createRequire(`${env.ATELIER_MODULES}/`)(name);

/** The stack's certificate is signed by its own authority. Chromium is told this one key: it takes no other. */
function key() {
  const {publicKey} = new X509Certificate(readFileSync(env.ATELIER_CERTIFICATE));
  return createHash('sha256').update(publicKey.export({type: 'spki', format: 'der'})).digest('base64');
}

export const launch = () => need('playwright-core').chromium.launch({
  executablePath: '/usr/bin/chromium', args: [
    `--ignore-certificate-errors-spki-list=${key()}`,
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', // pictures of hosts that are not there fail at once, everywhere
  ]});

/** Changes the catalogue as anybody would. */
export const psql = (statement) =>
  execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', env.ATELIER_POSTGRES, '-c', statement], {timeout: WAIT_MS});

/** [{pid, port, clear}]: port is the one for operations. */
export const replicas = () =>
  env.ATELIER_REPLICAS.split(' ').map((it) => it.split(':').map(Number)).map(([pid, port, clear]) => ({pid, port, clear}));

const isApi = (url) => url.startsWith(`${URL_OF_SHOP}/`) && /^\/(products|events)/.test(new URL(url).pathname);

/** A page, of the shop or of another origin, and what went on in it: `errors` of the console (what another host does not
 * answer is none), `api` requests. */
export async function open(browser, path, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const {href, origin} = new URL(path, URL_OF_SHOP);
  const errors = [];
  const api = [];
  page.on('console', (message) => {
    const {url} = message.location();
    if (message.type() === 'error' && (!url || url.startsWith(`${origin}/`))) errors.push(`${message.text()} ${url}`);
  });
  page.on('pageerror', (error) => errors.push(String(error.stack)));
  page.on('request', (request) => isApi(request.url()) && api.push(new URL(request.url()).pathname));
  await page.goto(href, {waitUntil: 'domcontentloaded'});
  await page.locator('main:not([aria-busy]) :is(h1, h2)').first().waitFor();
  return {page, context, errors, api, shown: page.locator('main')};
}

/** What the browser loaded of us until now: [{name, bytes, protocol}]. */
export const loaded = (page) => page.evaluate(() =>
  [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter(({name}) => new URL(name).origin === location.origin)
    .map(({name, encodedBodySize, transferSize, nextHopProtocol}) =>
      ({name: new URL(name).pathname, bytes: encodedBodySize, moved: transferSize, protocol: nextHopProtocol})));
