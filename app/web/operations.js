// The operators' page: asks each replica's /status once a second, and shows what has moved in between. It changes nothing.
import {h} from './dom.js';
import {chart, WINDOW_MS} from './chart.js';

const EVERY_MS = 1000;
const LIMIT_MS = 2000; // for an answer: then the replica is down
const TONES = 6;

const replicas = []; // {origin, name, tone, status: null while it is down, downSince, points: [{at, …values}]}

// ── asking ──

/** The upper bound of the bucket below which so many of the durations are, interpolated; ms. */
function percentile(bounds, counts, share) {
  const wanted = share * counts.reduce((sum, it) => sum + it, 0);
  let below = 0;
  for (let i = 0; i < counts.length; below += counts[i], i++) {
    if (wanted > 0 && below + counts[i] >= wanted) {
      const from = i > 0 ? bounds[i - 1] : 0;
      const to = bounds[i] ?? from; // the last bucket has no end
      return (from + (to - from) * (wanted - below) / counts[i]) / 1000;
    }
  }
  return null;
}

const ratio = (sum, count) => (count > 0 ? sum / count : null);

/** What is drawn of a replica: what has moved since the answer before; null where it cannot be said. */
function measured(status, at, before, beforeAt) {
  const since = before && before.pid === status.pid ? before : null;
  const rate = (of) => (since ? (of(status) - of(since)) * 1000 / (at - beforeAt) : null);
  const durations = since ? status.http.durations.map((it, i) => it - since.http.durations[i]) : [];
  const canaries = since ? status.canaries.shown - since.canaries.shown : 0;
  return {
    at,
    requests: rate((it) => it.http.requests),
    p50: percentile(status.http.bounds_us, durations, 0.5),
    p99: percentile(status.http.bounds_us, durations, 0.99),
    visible: canaries > 0 ? ratio(status.canaries.sum_us - since.canaries.sum_us, canaries) / 1000 : null,
    unproven: status.feed.unproven_ms,
    changes: rate((it) => it.changes),
    connections: status.connections,
    memory: status.resident_bytes / 1048576,
  };
}

function forget(replica, now) {
  while (replica.points.length > 0 && replica.points[0].at < now - WINDOW_MS) replica.points.shift();
}

function say(text) {
  document.getElementById('news').textContent = `${new Date().toLocaleTimeString()}: ${text}`;
}

/** Those that a replica names, but for the one that this page is from. */
function meet(origins) {
  for (const origin of origins) {
    if (origin !== location.origin && !replicas.some((it) => it.origin === origin)) follow(origin, origin.replace(/^.*:\/\//, ''));
  }
}

function take(replica, status) {
  const at = performance.now();
  if (replica.downSince) say(`${status.replica} is back`);
  replica.points.push(measured(status, at, replica.status, replica.points.at(-1)?.at));
  Object.assign(replica, {status, name: status.replica, downSince: null});
}

function lose(replica) {
  if (!replica.downSince) say(`${replica.name} is down`);
  replica.downSince ??= Date.now();
  replica.status = null;
  replica.points.push({at: performance.now()});
}

async function look(replica) {
  try {
    const answer = await fetch(`${replica.origin}/status`, {cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(LIMIT_MS)});
    const status = await answer.json();
    take(replica, status);
    if (replica.origin === '') meet(status.peers);
  } catch {
    lose(replica);
  }
  forget(replica, performance.now());
}

async function follow(origin, name) {
  const replica = {origin, name, tone: replicas.length % TONES, status: null, downSince: null, points: []};
  replicas.push(replica);
  for (;;) {
    const begun = performance.now();
    await look(replica);
    await new Promise((done) => setTimeout(done, Math.max(0, begun + EVERY_MS - performance.now())));
  }
}

// ── replicas ──

function state({status}) {
  if (!status) return ['down', 'down'];
  if (status.draining) return ['busy', 'draining'];
  if (!status.ready) return ['busy', status.load.running ? 'loading' : 'not ready'];
  return status.feed.proven ? ['ready', 'ready'] : ['busy', 'ready, Postgres away'];
}

const count = (value) => value.toLocaleString('en');
const mb = (bytes) => `${count(Math.round(bytes / 1048576))} MB`;

function age(seconds) {
  const steps = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const [size, unit] = steps.find(([it]) => seconds >= it) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

const ago = (ms) => `${age(Math.max(0, Date.now() - ms) / 1000)} ago`;

function audit({audit: it}) {
  const found = it.inconsistent > 0 ? `${count(it.inconsistent)} differed, ${count(it.repaired)} repaired` : 'nothing differed';
  return it.cycles > 0 ? `${ago(it.last_cycle_ended * 1000)}, took ${age(it.last_cycle_s)}; ${found}` : `first one under way; ${found}`;
}

const facts = (status) => [
  ['Products', count(status.products)],
  ['Heard from Postgres', `${count(status.feed.unproven_ms)} ms ago`],
  ['To be fetched', count(status.feed.backlog)],
  ['On duty', status.feed.duty],
  ['Canaries lost', `${count(status.canaries.lost)} of ${count(status.canaries.lost + status.canaries.shown)}`],
  ['Answers with 5xx', `${count(status.http.errors)} of ${count(status.http.requests)}`],
  ['Connections', `${count(status.connections)}, ${count(status.followers)} streams`],
  ['Memory', mb(status.resident_bytes)],
  ['Without room', count(status.memory.products_left_out)],
].map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);

function warmUp({load}) {
  if (!load.running) return null;
  const share = load.share === null ? 'the size is not known yet' : `${Math.round(load.share * 100)} %`;
  const waits = load.waiting ? ', waits for other replicas' : '';
  return [h('progress', {max: 1, value: load.share, 'aria-label': 'Warm-up'}),
    h('p', {class: 'quiet'}, `Loading: ${count(load.products)} products, ${share}${waits}`)];
}

function card(replica) {
  const {status, name, downSince} = replica;
  const [kind, text] = state(replica);
  return h('article', {class: status ? 'card' : 'card lost', 'data-replica': name},
    h('h3', {}, name, h('span', {class: `state ${kind}`}, text)),
    status
      ? [h('p', {class: 'quiet'}, `${status.version} (${status.commit}), up ${age(status.uptime_s)}, ${status.workers} workers`),
        warmUp(status), h('dl', {class: 'facts'}, ...facts(status)), h('p', {class: 'quiet'}, `Last audit: ${audit(status)}`)].flat()
      : h('p', {class: 'quiet'}, downSince ? `no answer since ${new Date(downSince).toLocaleTimeString()}` : 'asked just now'));
}

// ── charts ──

const CHARTS = [
  ['Requests a second', '/s', ['requests']],
  ['Duration, p99 (dashed: p50)', 'ms', ['p99', 'p50']],
  ['Commit to visible, by canaries', 'ms', ['visible']],
  ['Heard from Postgres, ago', 'ms', ['unproven']],
  ['Changes a second', '/s', ['changes']],
  ['Connections', '', ['connections']],
  ['Memory', 'MB', ['memory']],
].map(([title, unit, keys]) => ({...chart(title, unit), keys}));

/** While it was down there is a gap; where nothing was measured the line goes on. */
const line = (replica, key, dashed) => ({
  name: dashed ? `${replica.name} ${key}` : replica.name, tone: replica.tone, dashed,
  points: replica.points.filter((it) => it[key] !== null).map((it) => ({at: it.at, value: it[key] ?? null}))});

function drawCharts() {
  for (const {draw, keys} of CHARTS) {
    draw(keys.flatMap((key, i) => replicas.map((it) => line(it, key, i > 0))), performance.now());
  }
}

// ── the page ──

function changes() {
  const own = replicas[0].status;
  if (!own) return h('p', {class: 'quiet'}, 'This replica is down.');
  if (own.recent.length === 0) return h('p', {class: 'quiet'}, 'None since it started.');
  return h('ul', {class: 'changes'}, ...own.recent.map(({id, ms}) =>
    h('li', {}, id === '0' ? 'everything' : `product ${id}`, h('span', {class: 'quiet'}, ` ${ago(ms)}`))));
}

function draw() {
  document.getElementById('replicas').replaceChildren(...replicas.map(card));
  drawCharts();
  document.getElementById('changes').replaceChildren(changes());
  const own = replicas[0];
  if (own.status || own.downSince) document.querySelector('main').removeAttribute('aria-busy');
}

document.getElementById('charts').append(...CHARTS.map(({node}) => node));
follow('', location.host);
setInterval(draw, EVERY_MS / 2);
