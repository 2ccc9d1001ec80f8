// Page visits as front ends make them. One iteration is one visit: all that a page asks for, in as many rounds as it
// needs, six requests at once as a browser does. What infra/page counts is asked for here.
import http from 'k6/http';
import { Counter, Rate } from 'k6/metrics';
import { CLAIM_P95_MS, FULL, PRODUCTS, count, drawId, gapsAllow, limits, spread, valueOf } from './lib.js';

const CARDS_A_PAGE = 24; // as the storefront's lists have
const LIST_PAGES = Math.ceil(PRODUCTS / CARDS_A_PAGE);

// Shares of the visits. A table to be changed: nobody has counted what visitors of the old service did.
const PAGES = [
    { share: 0.5, visit: storefront },
    { share: 0.3, visit: list },
    { share: 0.2, visit: oldFrontEnd },
];
const CODINGS = [
    { share: 0.7, accepted: 'gzip, deflate, br' }, // browsers
    { share: 0.2, accepted: 'gzip' },
    { share: 0.1, accepted: 'identity' },
];
const AGAIN = 0.25; // of the visits are the one before again: with what is known by ETag

const rightProtocol = new Rate('right_protocol');
const notModified = new Rate('not_modified'); // of what was asked for again
const revalidated = new Rate('revalidated'); // of the same: 304, or another ETag than the one that was sent
const coded = new Counter('coded'); // answers with a body, by the coding that they came in
const unknownIds = new Rate('unknown_ids');

http.setResponseCallback(http.expectedStatuses(200, 304, 404)); // unknown_ids judges 404

// Of every script that visits pages.
export const PAGE_OPTIONS = { discardResponseBodies: true, noCookiesReset: true, systemTags: ['status', 'scenario', 'error'] };

// `where` of the next three: '' if all of the script's iterations are visits, else their scenario, as '{scenario:NAME}'.

// The verdict on `visits` visits. What is asked for again has another ETag if somebody wrote it, or if the replica has learnt
// to compress it since: each form has its own. That takes a second request, so short tests may meet no brotli.
export function pageThresholds(visits, where = '', latency = { [`http_req_duration${where}`]: limits() }) {
    return {
        http_req_failed: ['rate==0'],
        dropped_iterations: ['count==0'],
        right_protocol: ['rate==1'],
        revalidated: ['rate==1'],
        unknown_ids: [`rate<=${gapsAllow(visits)}`],
        'coded{coding:br}': [FULL ? 'count>0' : 'count>=0'],
        'coded{coding:gzip}': ['count>0'],
        'coded{coding:none}': ['count>0'],
        ...latency,
        [`iteration_duration${where}`]: [`p(95)<${FULL ? CLAIM_P95_MS : 500}`], // a whole visit, connecting included
        ...(where && Object.fromEntries(['iterations', 'http_reqs'].map((name) => [name + where, ['count>0']]))), // in the report
    };
}

// What this virtual user knows of its last page: the coding it accepts, paths with ETags.
let known = { accepted: '', pages: [] };

// One visit to `base`, which speaks HTTP/2 over TLS and HTTP/1.1 in clear: anything else is wrong.
export function visit(base) {
    const protocol = base.startsWith('https:') ? 'HTTP/2.0' : 'HTTP/1.1';
    if (known.pages.length > 0 && Math.random() < AGAIN) {
        visitAgain(base, protocol);
        return;
    }
    known = { accepted: oneOf(CODINGS).accepted, pages: [] };
    oneOf(PAGES).visit((paths, keep) => ask(base, protocol, paths, keep));
}

function oneOf(table) {
    let left = Math.random();
    return table.find(({ share }) => (left -= share) < 0) || table[0];
}

// Two requests: everything of one product, and the cards of its related ones.
function storefront(get) {
    const id = drawId();
    get([`/products/${id}/full`, `/products/${id}/related/cards`]);
}

function list(get) {
    get([`/products?page=${1 + Math.floor(Math.random() * LIST_PAGES)}&count=${CARDS_A_PAGE}`]);
}

// Twelve requests on average: product, styles and related ids, then product and styles of each of those.
function oldFrontEnd(get) {
    const id = drawId();
    const related = get([`/products/${id}/related`], true)[0];
    const others = related.status === 200 ? new Set(JSON.parse(related.body)) : [];
    get([id, ...others].flatMap((each) => [`/products/${each}`, `/products/${each}/styles`]));
}

function ask(base, protocol, paths, keep = false) {
    const how = { headers: { 'Accept-Encoding': known.accepted }, responseType: keep ? 'text' : 'none' };
    const answers = http.batch(paths.map((path) => ['GET', base + path, null, how]));
    answers.forEach((answer, i) => {
        rightProtocol.add(answer.proto === protocol);
        unknownIds.add(answer.status === 404);
        if (answer.status === 200) {
            countCoding(answer);
            known.pages.push({ path: paths[i], etag: answer.headers.Etag });
        }
    });
    return answers;
}

function countCoding(answer) {
    coded.add(1, { coding: answer.headers['Content-Encoding'] || 'none' });
}

function visitAgain(base, protocol) {
    const answers = http.batch(known.pages.map(({ path, etag }) =>
        ['GET', base + path, null, { headers: { 'Accept-Encoding': known.accepted, 'If-None-Match': etag } }]));
    answers.forEach((answer, i) => {
        rightProtocol.add(answer.proto === protocol);
        notModified.add(answer.status === 304);
        revalidated.add(answer.status === 304 || answer.headers.Etag !== known.pages[i].etag);
        if (answer.status === 200) {
            countCoding(answer);
            known.pages[i].etag = answer.headers.Etag;
        }
    });
}

// For the report.
export function pageFigures(data, where = '') {
    const of = (metric, value) => valueOf(data, metric, value);
    return {
        visits: of(`iterations${where}`, 'count'),
        requests: of(`http_reqs${where}`, 'count'),
        requests_per_s: Math.round(of(`http_reqs${where}`, 'rate')),
        failed: of('http_req_failed', 'passes'), // k6's "passes" of this rate are the failures
        dropped: of('dropped_iterations', 'count'),
        unknown_ids: of('unknown_ids', 'passes'),
        asked_again: of('not_modified', 'passes') + of('not_modified', 'fails'),
        not_modified: of('not_modified', 'passes'),
        coded: Object.fromEntries(['br', 'gzip', 'none'].map((coding) => [coding, of(`coded{coding:${coding}}`, 'count')])),
    };
}

export function pageLines(data, figures, where = '') {
    const { br, gzip, none } = figures.coded;
    return [
        `visits     ${count(figures.visits)}, ${figures.dropped} dropped; ${count(figures.requests)} requests, ${count(figures.requests_per_s)}/s, ` +
            `${figures.failed} failed, ${figures.unknown_ids} for unknown ids`,
        `answered   ${spread(data, `http_req_duration${where}`)}`,
        `a visit    ${spread(data, `iteration_duration${where}`)}`,
        `codings    ${count(gzip)} gzip, ${count(br)} brotli, ${count(none)} none; ${count(figures.not_modified)} of ${count(figures.asked_again)} asked again were 304`,
    ];
}
