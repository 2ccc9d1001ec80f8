// node journeys.mjs NAME…: these journeys, in one browser, each with its own cookies and cache; without a name: all names.
// Prints one line of JSON a journey.
import assert from 'node:assert/strict';
import {launch, loaded, need, open, psql, replicas, URL_OF_SHOP, WAIT_MS} from './shop.mjs';

const CATALOGUE_LIMIT_KB = 60;
const REQUESTS_LIMIT = 3;
const SHIFT_LIMIT = 0.01;
const BIGGEST = '9223372036854775807';

/** Until condition() holds; fails with what it returned last. */
async function until(what, condition, limit = WAIT_MS) {
  const end = performance.now() + limit;
  let last;
  do {
    last = await condition();
    if (last) return last;
    await new Promise((done) => setTimeout(done, 10));
  } while (performance.now() < end);
  throw new Error(`not within ${limit} ms: ${what}`);
}

const text = async (locator) => (await locator.innerText()).replace(/\s+/g, ' ').trim();
const spoken = async (locator) => (await locator.textContent()).replace(/\s+/g, ' ').trim();
const says = (locator, wanted, limit) => until(`${locator} says "${wanted}"`, async () => (await spoken(locator)) === wanted, limit);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);

const FOLLOW_MS = 1000; // how soon a change has to be on the page
const DOWN_MS = 5000; // how soon operators see that a replica is gone, or back
const RETURN_MS = 5000; // … and when its replica is gone: browsers come back to /events after a pause

/** Changes the catalogue, and how many ms later the page says so, without having been loaded anew. */
async function followed(page, statement, locator, wanted, limit = FOLLOW_MS) {
  await page.evaluate(() => { window.sameDocument = true; });
  const begun = performance.now();
  psql(statement);
  await says(locator, wanted, limit);
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  return Math.round(performance.now() - begun);
}

async function axe(page, what) {
  await page.evaluate(need('axe-core').source);
  const {violations} = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
  assert.deepEqual(violations.map(({id, help, nodes}) => `${what}: ${id}: ${help}: ${nodes.map(({html}) => html).join(' ')}`), []);
}

const shift = (page) => page.evaluate(() => window.shift);
const watchShift = () => {
  window.shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((it) => { window.shift += it.hadRecentInput ? 0 : it.value; }))
    .observe({type: 'layout-shift', buffered: true});
};

/** Requests of a route that a replica has answered. */
async function answered({port}, route) {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return [...metrics.matchAll(/^atelier_http_requests_total\{route="(\w+)".*?\} (\d+)$/gm)]
    .reduce((sum, [, name, count]) => sum + (name === route ? Number(count) : 0), 0);
}

/** The replica that a page's connection ends at: the one whose count moves. */
async function behind(route) {
  const all = replicas();
  const before = await Promise.all(all.map((it) => answered(it, route)));
  return until('a replica is asked', async () => {
    const now = await Promise.all(all.map((it) => answered(it, route)));
    return all.find((_, i) => now[i] > before[i]);
  });
}

const JOURNEYS = {
  async browse(visit) {
    const {page, shown} = await visit('/');
    assert.equal(await shown.locator('.grid .card').count(), 24);
    assert.equal(await text(shown.locator('.pager [aria-current]')), 'Page 1 of 4');
    await shown.getByRole('link', {name: /Camo Onesie/}).click();
    await shown.getByRole('heading', {name: 'Camo Onesie', level: 1}).waitFor();
    assert.equal(await focused(page), 'title');
    assert.equal(await page.title(), 'Camo Onesie – Atelier');
    await says(shown.locator('.amount'), 'Sale price $100.00 instead of $140.00');
    assert.equal(await text(shown.locator('.amount s')), 'instead of $140.00');
    await shown.getByRole('radio', {name: 'Forest Green & Black'}).check();
    await says(shown.locator('.amount'), '$140.00');
    assert.equal(new URL(page.url()).search, '?product=1&style=1');
    await says(shown.locator('.stock'), 'Choose a size');
    await shown.getByRole('radio', {name: 'M', exact: true}).check();
    await says(shown.locator('.stock'), 'In stock');
    assert.equal(await shown.getByLabel('Quantity').locator('option').count(), 15);
    await shown.getByLabel('Quantity').selectOption('3');
    await says(shown.locator('.total'), '3 for $420.00');
    assert.equal(await text(shown.locator('dl')), 'Fabric Canvas Buttons Brass Buttons ✓ yes');
    await page.goBack();
    await shown.getByRole('heading', {name: 'The catalogue'}).waitFor();
  },

  async sold_out(visit) {
    const {shown} = await visit('/?product=1&style=2');
    await says(shown.locator('.stock'), 'Out of stock');
    assert.equal(await shown.getByRole('radio', {name: /^XL\W+out of stock$/}).isDisabled(), true);
    assert.equal(await shown.getByLabel('Quantity').isDisabled(), true);
    const none = await visit('/?product=4');
    await says(none.shown.locator('.stock'), 'Out of stock');
    await says(none.shown.locator('.amount'), '$1.00');
    const twice = await visit('/?product=6');
    assert.equal(await twice.shown.getByRole('radio', {name: '7', exact: true}).count(), 1); // two skus of one size
  },

  async compare(visit) {
    const {page, shown} = await visit('/?product=11');
    const button = shown.getByRole('button', {name: 'Compare with Camo Onesie'});
    await button.click();
    const dialog = page.getByRole('dialog', {name: 'Side by side'});
    const row = (name) => dialog.getByRole('row').filter({has: page.getByRole('rowheader', {name, exact: true})});
    await says(row('Price'), 'Price$99.00Sale price $100.00 instead of $140.00');
    await says(row('Sole'), 'SoleRubber–not stated');
    await says(row('Buttons'), 'Buttons–not statedBrass');
    await page.keyboard.press('Escape');
    await dialog.waitFor({state: 'detached'});
    assert.equal(await focused(page), 'compare-1');
    await button.click();
    await dialog.getByRole('link', {name: 'View Camo Onesie'}).click();
    await shown.getByRole('heading', {name: 'Camo Onesie', level: 1}).waitFor();
    await page.goBack();
    await shown.getByRole('heading', {name: 'Air Minis 250', level: 1}).waitFor();
  },

  async addresses(visit) {
    const {page, shown} = await visit('/?product=1&style=1');
    assert.equal(await shown.getByRole('radio', {name: 'Forest Green & Black'}).isChecked(), true);
    await page.goto(`${URL_OF_SHOP}/?page=2`);
    await shown.getByRole('heading', {name: 'The catalogue, page 2'}).waitFor();
    await shown.getByRole('link', {name: 'Next'}).click();
    await shown.getByRole('heading', {name: 'The catalogue, page 3'}).waitFor();
    await page.evaluate(() => window.scrollTo(0, 700));
    await shown.locator('.card').nth(6).dispatchEvent('click', {button: 0}); // click() would scroll first
    await shown.locator('article.product').waitFor();
    assert.equal(await page.evaluate(() => window.scrollY), 0);
    await page.goBack();
    await shown.getByRole('heading', {name: 'The catalogue, page 3'}).waitFor();
    await until('the list is where it was', () => page.evaluate(() => window.scrollY === 700));
    await page.goBack();
    await page.goForward();
    await shown.getByRole('heading', {name: 'The catalogue, page 3'}).waitFor();
    for (const wrong of ['/?product=0', '/?product=x', '/?product=1e3']) {
      await (await visit(wrong)).shown.getByRole('heading', {name: 'Not here'}).waitFor();
    }
    await (await visit(`/?product=${BIGGEST}9`)).shown.getByRole('heading', {name: 'Not here'}).waitFor();
    await (await visit('/?product=9999999999999999999', {fails: /400/})).shown.getByRole('heading', {name: 'Not here'}).waitFor();
    await says((await visit('/?page=99')).shown.locator('.grid'), 'There is nothing on this page.');
    const unknown = await visit('/?product=999', {fails: /404/});
    await unknown.shown.getByRole('heading', {name: 'Not here'}).waitFor();
    await unknown.shown.getByRole('link', {name: 'To the catalogue'}).click();
    await unknown.shown.getByRole('heading', {name: 'The catalogue'}).waitFor();
  },

  async keyboard(visit) {
    const {page, shown} = await visit('/?product=1&style=1');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), 'main');
    await shown.getByRole('radio', {name: 'Forest Green & Black'}).focus();
    await page.keyboard.press('ArrowDown');
    await says(shown.locator('.chosen'), 'Desert');
    assert.equal(await focused(page), 'style-2');
    await page.keyboard.press('ArrowUp');
    await says(shown.locator('.chosen'), 'Forest Green & Black');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await says(shown.locator('.stock'), 'In stock');
    await shown.getByRole('button', {name: 'Next photo'}).focus();
    await page.keyboard.press('Enter');
    assert.equal(await shown.getByRole('button', {name: 'Photo 2 of 3'}).getAttribute('aria-current'), 'true');
    assert.equal(await focused(page), 'photo-after');
    await shown.locator('#compare-3').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    assert.equal(await focused(page), 'compare-title');
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), 'compare-3');
  },

  async one_connection(visit) {
    const {page, context, shown} = await visit('/?product=1');
    const session = await context.newCDPSession(page);
    const connections = new Set();
    session.on('Network.responseReceived', ({response}) => {
      if (response.url.startsWith(URL_OF_SHOP) && !response.fromDiskCache) connections.add(response.connectionId);
    });
    await session.send('Network.enable');
    await page.reload();
    await shown.locator('.related .button').first().waitFor();
    const all = await loaded(page);
    assert.ok(all.length > 10);
    assert.deepEqual([...new Set(all.map(({protocol}) => protocol))], ['h2']);
    assert.equal(connections.size, 1);
  },

  async few_requests(visit) {
    const {page, api, shown} = await visit('/?product=1');
    await shown.locator('.related .button').first().waitFor();
    const asked = [...api];
    assert.ok(asked.length <= REQUESTS_LIMIT, asked.join(' '));
    const all = await loaded(page);
    const sum = (some) => some.reduce((bytes, it) => bytes + it.bytes, 0);
    const isApi = ({name}) => name.startsWith('/products');
    const shop = sum(all.filter((it) => !isApi(it)));
    assert.ok(shop > 5000 && shop <= CATALOGUE_LIMIT_KB * 1024, `${shop} bytes`);
    console.error(`${asked.length} API requests, ${sum(all.filter(isApi))} bytes; the page itself ${shop} bytes, compressed`);
  },

  async still_valid(visit) {
    const {page, shown} = await visit('/?product=5');
    await shown.locator('.buy .stock').waitFor();
    const session = await page.context().newCDPSession(page);
    const paths = new Map();
    const answers = [];
    session.on('Network.requestWillBeSent', ({requestId, request}) => paths.set(requestId, request.url.slice(URL_OF_SHOP.length)));
    session.on('Network.responseReceivedExtraInfo', (it) => answers.push(it));
    await session.send('Network.enable');
    await page.reload({waitUntil: 'domcontentloaded'});
    await shown.locator('.buy .stock').waitFor();
    const statuses = () => Object.fromEntries(answers.map(({requestId, statusCode}) => [paths.get(requestId), statusCode]));
    await until('page and data are asked for, and have not changed', () =>
      ['/?product=5', '/products/5/full', '/products/5/related/cards'].every((it) => statuses()[it] === 304));
    assert.deepEqual(Object.keys(statuses()).filter((it) => it.startsWith('/assets/')), [], 'what never changes is not asked for');
  },

  async steady(visit) {
    for (const viewport of [{width: 390, height: 844}, {width: 1280, height: 900}]) {
      for (const path of ['/', '/?product=1', '/?product=6', '/?product=11']) {
        const {page, shown} = await visit(path, {viewport});
        await page.evaluate(watchShift);
        await until('every picture is there, or has given way', async () => (await shown.locator('img:not(.loaded)[loading=eager]').count()) === 0);
        await until('related products are there', async () => path === '/' || (await shown.locator('.related .button:not([id])').count()) === 0);
        assert.ok((await shift(page)) <= SHIFT_LIMIT, `${path} at ${viewport.width}: ${await shift(page)}`);
      }
    }
  },

  async narrow(visit) {
    for (const path of ['/', '/?product=1', '/?product=2', '/?product=3', '/?product=9', '/?product=11', '/docs']) {
      const {page, context} = await visit(path);
      for (const width of [320, 390, 768, 1920]) {
        await page.setViewportSize({width, height: 640});
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${path} at ${width}`);
      }
      await context.close();
    }
  },

  async escaped(visit) {
    for (const id of [2, 3]) {
      const {page, shown} = await visit(`/?product=${id}`);
      const wanted = await page.evaluate(async (path) => (await (await fetch(path)).json()).product.name, `/products/${id}/full`);
      assert.equal(await shown.locator('h1').textContent(), wanted);
      assert.equal(await page.locator('script').count(), 1);
    }
    const {page, shown} = await visit('/?page=4');
    await shown.getByRole('link', {name: 'The last id'}).click();
    await shown.getByRole('heading', {name: 'The last id', level: 1}).waitFor();
    assert.equal(new URL(page.url()).search, `?product=${BIGGEST}`);
    await shown.getByRole('link', {name: 'Air Minis 250'}).click();
    await shown.getByRole('heading', {name: 'Air Minis 250', level: 1}).waitFor();
    await says(shown.locator('.related .name').first(), 'The last id');
  },

  async photos(visit) {
    const {shown} = await visit('/?product=6');
    const large = shown.locator('.large .frame');
    await large.locator('img.loaded').waitFor();
    assert.equal(await large.getAttribute('aria-label'), 'Two skus of one size, One, photo 1 of 2');
    await shown.getByRole('button', {name: 'Next photo'}).click();
    assert.equal(await large.getAttribute('aria-label'), 'Two skus of one size, One, photo 2 of 2');
    await shown.getByRole('button', {name: 'Photo 1 of 2'}).click();
    assert.match(await large.locator('img').getAttribute('src'), /red/);
    const {shown: other} = await visit('/?product=1&style=1'); // whose host is not there
    await until('the photo has given way', async () => (await other.locator('.large img').count()) === 0);
    assert.equal(await other.locator('.large svg').count(), 1);
  },

  async follows(visit) {
    const {page, shown} = await visit('/?product=11&style=12');
    await says(shown.locator('.amount'), 'Sale price $55.00 instead of $99.00');
    await says(shown.locator('.stock'), 'Out of stock');
    const took = [await followed(page, 'UPDATE skus SET quantity = 4 WHERE id = 41', shown.locator('.stock'), 'Only 4 left'),
      await followed(page, 'UPDATE styles SET sale_price = NULL WHERE id = 12', shown.locator('.amount'), '$99.00')];
    await shown.getByLabel('Quantity').selectOption('2');
    await shown.getByLabel('Quantity').focus();
    took.push(await followed(page, 'UPDATE styles SET sale_price = 55 WHERE id = 12', shown.locator('.total'), '2 for $110.00'));
    assert.equal(await focused(page), 'quantity'); // what somebody is doing is not disturbed
    assert.equal(await shown.getByLabel('Quantity').inputValue(), '2');
    took.push(await followed(page, 'UPDATE skus SET quantity = 0 WHERE id = 41', shown.locator('.stock'), 'Out of stock'));
    console.error(`on the page after ${took.join(', ')} ms`);
  },

  async list_follows(visit) {
    const {page, shown} = await visit('/');
    const card = shown.locator('.card').filter({hasText: 'The dearest'});
    await followed(page, 'UPDATE products SET default_price = 12.5 WHERE id = 9', card.locator('.price'), '$12.50');
    await followed(page, 'UPDATE products SET default_price = 9999999999.99 WHERE id = 9', card.locator('.price'), '$9,999,999,999.99');
  },

  async replica_killed(visit) {
    const {page, shown} = await visit('/?product=5', {fails: /net::ERR_/});
    const {pid} = await behind('full');
    process.kill(pid, 'SIGKILL');
    await followed(page, "UPDATE products SET slogan = 'Still here' WHERE id = 5", shown.locator('.slogan'), 'Still here', RETURN_MS);
    assert.equal(await page.locator('#notice').textContent(), '');
    await shown.getByRole('link', {name: 'Catalogue'}).first().click();
    await shown.getByRole('heading', {name: 'The catalogue'}).waitFor();
    psql("UPDATE products SET slogan = 's' WHERE id = 5");
  },

  async unconfirmed(visit) {
    const {page, shown} = await visit('/?product=11');
    await says(page.locator('#notice'), 'These prices and stocks could not be confirmed just now; the shop keeps trying.');
    await says(shown.locator('h1'), 'Air Minis 250');
  },

  async accessible(visit) {
    for (const [path, width] of [['/', 1280], ['/?product=1&style=1', 1280], ['/?product=11', 390], ['/?product=x', 1280], ['/docs', 1280]]) {
      const {page, context, shown} = await visit(path, {viewport: {width, height: 900}});
      await until('related products are there', async () => (await shown.locator('.related .button:not([id])').count()) === 0);
      await axe(page, `${path} in light`);
      await page.emulateMedia({colorScheme: 'dark'});
      await axe(page, `${path} in dark`);
      if (path === '/?product=11') {
        await shown.getByRole('button', {name: /^Compare/}).first().click();
        await axe(page, 'comparison in dark');
        await page.emulateMedia({colorScheme: 'light'});
        await axe(page, 'comparison in light');
      }
      await context.close();
    }
  },

  async operated(visit) {
    const [first, ...others] = replicas();
    const {page, shown} = await visit(`http://127.0.0.1:${first.port}/`, {viewport: {width: 360, height: 740}, fails: /Content Security Policy/});
    const card = (name) => shown.locator(`[data-replica=${name}] .state`);
    const hosts = new Set();
    page.on('request', (it) => hosts.add(new URL(it.url()).host));
    for (const name of ['r1', 'r2', 'r3']) await says(card(name), 'ready');

    const legend = (title) => shown.locator(`[data-chart="${title}"] .legend`);
    const load = setInterval(() => replicas().forEach(({clear}) => fetch(`http://127.0.0.1:${clear}/products/11`).catch(() => {})), 20);
    try {
      for (const title of ['Requests a second', 'Duration, p99 (dashed: p50)', 'Commit to visible, by canaries', 'Memory']) {
        await until(`${title} moves`, async () => /r1 [\d.,]*[1-9].*r2 [\d.,]*[1-9].*r3 [\d.,]*[1-9]/.test(await spoken(legend(title))));
      }
    } finally {
      clearInterval(load);
    }
    psql("UPDATE products SET slogan = 'seen by operators' WHERE id = 5");
    await shown.getByText('product 5').first().waitFor();
    await until('it is counted', async () => /r1 0?\.?\d*[1-9]/.test(await spoken(legend('Changes a second'))));
    psql("UPDATE products SET slogan = 's' WHERE id = 5");

    for (const width of [320, 360, 1280]) {
      await page.setViewportSize({width, height: 740});
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `at ${width}`);
    }
    await axe(page, 'in light');
    await page.emulateMedia({colorScheme: 'dark'});
    await axe(page, 'in dark');

    const {pid} = others[1];
    process.kill(pid, 'SIGSTOP');
    try {
      await says(card('r3'), 'down', DOWN_MS);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await says(card('r3'), 'ready', DOWN_MS);
    process.kill(pid, 'SIGKILL');
    await says(card('r3'), 'down', DOWN_MS);
    assert.match(await spoken(page.locator('#news')), /r3 is down/);
    await says(card('r2'), 'ready');
    await axe(page, 'one down, in dark');

    assert.deepEqual([...hosts].sort(), replicas().map(({port}) => `127.0.0.1:${port}`).sort());
    assert.equal(await page.evaluate(() => new Promise((done) => {
      document.addEventListener('securitypolicyviolation', (it) => done(it.violatedDirective));
      fetch('http://localhost:1/').catch(() => {});
    })), 'connect-src');
  },

  async documented(visit) {
    const {shown} = await visit('/docs');
    const part = shown.getByRole('region', {name: 'GET /products/{id}', exact: true});
    await part.getByRole('textbox', {name: /^id/}).fill('11');
    await part.getByRole('button', {name: 'Send'}).click();
    await part.getByText('200 for GET /products/11').or(part.getByText('GET /products/11 after')).first().waitFor();
    assert.match(await part.getByRole('group', {name: 'Body of the answer'}).innerText(), /"name": "Air Minis 250"/);
    assert.match(await part.getByRole('group', {name: 'Headers of the answer'}).innerText(), /etag: /i);
  },
};

/** Everything that a journey opened was without an error, and is closed. */
async function run(browser, name) {
  assert.ok(JOURNEYS[name], `there is no journey '${name}'`);
  const visits = [];
  try {
    await JOURNEYS[name](async (path, {fails, ...options} = {}) => {
      const visited = await open(browser, path, options);
      visits.push({path, fails, ...visited});
      return visited;
    });
    for (const {path, fails, errors} of visits) {
      assert.deepEqual(errors.filter((it) => !fails?.test(it)), [], `errors of the console at ${path}`);
    }
  } finally {
    await Promise.all(visits.map(({context}) => context.close()));
  }
}

/** One line a journey: {"name":…,"took":seconds,"error":null or what went wrong}. */
async function runAll(names) {
  const browser = await launch();
  try {
    for (const name of names) {
      const begun = performance.now();
      const error = await run(browser, name).then(() => null, (it) => it.stack);
      console.log(JSON.stringify({name, took: Math.round(performance.now() - begun) / 1000, error}));
    }
  } finally {
    await browser.close();
  }
}

const names = process.argv.slice(2);
if (names.length > 0) await runAll(names);
else console.log(Object.keys(JOURNEYS).join('\n'));
