// Is it the Products API, over HTTP/2, through NGINX's TLS listener? One pass; every check must hold.
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { BASE, GZIP, report, setting, valueOf } from './lib.js';
import { CARDS, DOCUMENTS, mismatch } from './documents.js';

const IDENTITY = { 'Accept-Encoding': 'identity' };
const TINY = 100; // bytes that no coding makes shorter
const parsed = (answer) => JSON.parse(answer.body); // k6's own json() loses the order of keys
const isGzip = (answer) => answer.headers['Content-Encoding'] === 'gzip';
const finished = new Counter('finished'); // a script that throws ends without it

export const options = {
    vus: 1,
    iterations: 1,
    thresholds: { checks: ['rate==1'], finished: ['count==1'] },
};

export default function () {
    finished.add(0);
    const cards = lists();
    for (const card of cards) {
        DOCUMENTS.forEach((document) => aboutDocument(document, card.id));
    }
    cardIsProduct(cards[0]);
    problems();
    finished.add(1);
}

// Checks named by what was asked; what was wrong with the shape is logged.
function ask(name, path, headers, checks) {
    const answer = http.get(BASE + path, { headers: { ...IDENTITY, ...headers }, tags: { name } });
    check(answer, {
        [`${name}: HTTP/2.0`]: (r) => r.proto === 'HTTP/2.0',
        [`${name}: Vary names Accept-Encoding`]: (r) => /\bAccept-Encoding\b/i.test(r.headers.Vary),
    });
    for (const [what, holds] of Object.entries(checks)) {
        if (!check(answer, { [`${name}: ${what}`]: holds })) {
            console.error(`GET ${path}: not so: ${what}; it answered ${answer.status} ${String(answer.body).slice(0, 120)}`);
        }
    }
    return answer;
}

function fits(shape) {
    return (answer) => {
        const complaint = mismatch(parsed(answer), shape);
        if (complaint) {
            console.error(`${answer.request.url}: ${complaint}`);
        }
        return complaint === '';
    };
}

const isOk = {
    'status is 200': (r) => r.status === 200,
    'content type is JSON': (r) => r.headers['Content-Type'] === 'application/json; charset=utf-8',
    'carries Catalogue-Version': (r) => /^\d+\.\d+$/.test(r.headers['Catalogue-Version']),
    'carries a strong ETag': (r) => /^"[^"]+"$/.test(r.headers.Etag),
};

// The first and the last page; returns their cards.
function lists() {
    const asked = ask('list', '/products?page=1&count=5', {}, {
        ...isOk,
        'is an array of cards': fits(CARDS),
        'has as many cards as asked for': (r) => parsed(r).length === Math.min(5, Number(setting('PRODUCTS'))),
        'ascends by id': (r) => parsed(r).every((card, i, all) => i === 0 || card.id > all[i - 1].id),
        'links to the last page': (r) => /<[^>]+>; rel="last"/.test(r.headers.Link),
    });
    const last = ask('last page', asked.headers.Link.match(/<([^>]+)>; rel="last"/)[1], {}, {
        ...isOk,
        'is an array of cards': fits(CARDS),
        'ends with the last id': (r) => parsed(r).pop().id === Number(setting('LAST_ID')),
    });
    revalidate('list', '/products?page=1&count=5', asked, {});
    return [...parsed(asked), ...parsed(last)];
}

function aboutDocument(document, id) {
    const path = document.path(id);
    const plain = ask(document.name, path, {}, {
        ...isOk,
        'has its shape': fits(document.shape),
        'is about the product asked for': (r) => !document.id || document.id(parsed(r)) === id,
        'is not coded for a client that accepts no coding': (r) => !r.headers['Content-Encoding'],
    });
    const coded = ask(`${document.name} (gzip)`, path, GZIP, {
        ...isOk,
        'is coded, unless it is tiny': (r) => isGzip(r) || r.body.length < TINY,
        'has the same content': (r) => r.body === plain.body,
        'has an ETag of its own if it is coded': (r) => isGzip(r) === (r.headers.Etag !== plain.headers.Etag),
    });
    revalidate(document.name, path, plain, {});
    revalidate(`${document.name} (gzip)`, path, coded, GZIP);
}

function revalidate(name, path, known, headers) {
    ask(`${name}, revalidated`, path, { ...headers, 'If-None-Match': known.headers.Etag }, {
        'status is 304': (r) => r.status === 304,
        'has no body': (r) => !r.body,
        'repeats the ETag': (r) => r.headers.Etag === known.headers.Etag,
    });
}

function cardIsProduct(card) {
    ask('product', `/products/${card.id}`, {}, {
        'begins as its card': (r) => r.body.startsWith(JSON.stringify(card).slice(0, -1)),
    });
}

function problems() {
    const table = [
        ['unknown product', '/products/9223372036854775807', 404, 'unknown-product'],
        ['no route', '/nothing', 404, 'no-route'],
        ['bad id', '/products/0', 400, 'bad-parameter'],
        ['bad page', '/products?page=0', 400, 'bad-parameter'],
    ];
    for (const [name, path, status, slug] of table) {
        ask(name, path, {}, {
            [`status is ${status}`]: (r) => r.status === status,
            [`is the problem ${slug}`]: (r) =>
                r.headers['Content-Type'] === 'application/problem+json' && parsed(r).type === `urn:atelier:problem:${slug}`,
        });
    }
}

export function handleSummary(data) {
    const passes = valueOf(data, 'checks', 'passes');
    const fails = valueOf(data, 'checks', 'fails');
    const failed = data.root_group.checks.filter((c) => c.fails > 0).map((c) => `not so: ${c.name} (${c.fails} of ${c.passes + c.fails})`);
    const lines = [`smoke: ${passes} checks hold, ${fails} do not, in ${valueOf(data, 'http_reqs', 'count')} requests over HTTP/2`, ...failed];
    return report(data, lines, { passes, fails, failed });
}
