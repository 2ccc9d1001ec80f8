// What the scripts share: their settings, the ids, the routes with the shape of their answers, the report.
// k6/run sets the environment. Nothing is imported from a network.

export const CLAIM_P95_MS = 150; // what the old service promised
export const GZIP = { 'Accept-Encoding': 'gzip' };

export function setting(name) {
    const value = __ENV[name];
    if (!value) {
        throw new Error(`${name} is not set; start this script with k6/run, which asks the stack for it`);
    }
    return value;
}

export const BASE = setting('BASE');
const FIRST_ID = Number(setting('FIRST_ID'));
const LAST_ID = Number(setting('LAST_ID'));
const PRODUCTS = Number(setting('PRODUCTS'));

// Uniform over the whole range.
export function randomId() {
    return FIRST_ID + Math.floor(Math.random() * (LAST_ID - FIRST_ID + 1));
}

export function idRange() {
    return `${FIRST_ID} to ${LAST_ID}`;
}

// The largest share of 404 that gaps between the ids explain: 0 without gaps, else four standard deviations
// above the share expected among `requests`.
export function gapsAllow(requests) {
    const gaps = Math.max(0, 1 - PRODUCTS / (LAST_ID - FIRST_ID + 1));
    return gaps + 4 * Math.sqrt((gaps * (1 - gaps)) / requests);
}

// k6's way of writing time ("90s", "5m", "6h"), in seconds.
export function seconds(duration) {
    return parseInt(duration, 10) * { s: 1, m: 60, h: 3600 }[duration.slice(-1)];
}

// Shapes: 'number', 'string' or 'boolean'; a RegExp for a string; [shape] for an array; an object for exactly
// these keys in this order; or one of the two below.
const orNull = (shape) => ({ orNull: shape });
const byId = (shape) => ({ byId: shape });

const PRICE = /^\d+\.\d\d$/;
const CARD = {
    id: 'number',
    name: 'string',
    slogan: orNull('string'),
    description: orNull('string'),
    category: orNull('string'),
    default_price: PRICE,
};
const STYLE = {
    style_id: 'number',
    name: 'string',
    original_price: PRICE,
    sale_price: orNull(PRICE),
    'default?': 'boolean',
    photos: [{ thumbnail_url: orNull('string'), url: orNull('string') }],
    skus: byId({ quantity: 'number', size: 'string' }),
};

// The routes that name a product; `id` is where an answer repeats the product's id.
export const DOCUMENTS = [
    {
        name: 'product',
        path: (id) => `/products/${id}`,
        shape: { ...CARD, features: [{ feature: 'string', value: orNull('string') }] },
        id: (body) => body.id,
    },
    {
        name: 'styles',
        path: (id) => `/products/${id}/styles`,
        shape: { product_id: /^[1-9]\d*$/, results: [STYLE] },
        id: (body) => Number(body.product_id),
    },
    { name: 'related', path: (id) => `/products/${id}/related`, shape: ['number'], id: null },
];
export const CARDS = [CARD];

// One of the documents, the next at each call of one VU.
let turn = 0;
export function nextDocument() {
    return DOCUMENTS[turn++ % DOCUMENTS.length];
}

// What is wrong with a value, in a sentence; '' if it has the shape.
export function mismatch(value, shape, at = 'body') {
    const found = `${at} is ${JSON.stringify(value)}`;
    if (typeof shape === 'string') {
        return typeof value === shape ? '' : `${found}, not a ${shape}`;
    }
    if (shape instanceof RegExp) {
        return typeof value === 'string' && shape.test(value) ? '' : `${found}, not a string like ${shape}`;
    }
    if (shape.orNull) {
        return value === null ? '' : mismatch(value, shape.orNull, at);
    }
    if (Array.isArray(shape)) {
        return Array.isArray(value) ? first(value.map((v, i) => mismatch(v, shape[0], `${at}[${i}]`))) : `${found}, not an array`;
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        return `${found}, not an object`;
    }
    return mismatchOfKeys(value, shape, at);
}

function mismatchOfKeys(value, shape, at) {
    const keys = Object.keys(value);
    const wanted = shape.byId ? keys.filter((key) => /^[1-9]\d*$/.test(key)) : Object.keys(shape);
    if (keys.join() !== wanted.join()) {
        return `${at} has the keys ${keys.join()}, not ${wanted.join() || 'ids'}`;
    }
    return first(keys.map((key) => mismatch(value[key], shape.byId || shape[key], `${at}.${key}`)));
}

const first = (complaints) => complaints.find((complaint) => complaint !== '') || '';

// What handleSummary returns: `lines` and one line for each threshold on the screen; the same and all
// figures in the result's file.
export function report(data, lines, figures) {
    const thresholds = thresholdsOf(data);
    const passed = thresholds.every((threshold) => threshold.ok);
    const screen = [...lines, ...thresholds.map((t) => `${t.ok ? 'pass' : 'FAIL'}  ${t.metric}: ${t.condition}`)];
    const metrics = Object.fromEntries(Object.entries(data.metrics).map(([name, metric]) => [name, metric.values]));
    const result = { ...JSON.parse(setting('ABOUT')), passed, figures, thresholds, metrics };
    return {
        stdout: `\n${screen.join('\n')}\n`,
        [setting('RESULT')]: `${JSON.stringify(result, null, 2)}\n`,
    };
}

function thresholdsOf(data) {
    return Object.entries(data.metrics).sort().flatMap(([metric, { thresholds = {} }]) =>
        Object.entries(thresholds).map(([condition, { ok }]) => ({ metric, condition, ok }))
    );
}

// One value of a metric; 0 if nothing was ever counted.
export function valueOf(data, metric, value) {
    return data.metrics[metric] ? data.metrics[metric].values[value] : 0;
}

// A line about a trend of milliseconds.
export function spread(data, metric) {
    const parts = [['p50', 'med'], ['p95', 'p(95)'], ['p99', 'p(99)'], ['max', 'max']];
    return parts.map(([name, value]) => `${name} ${ms(valueOf(data, metric, value))}`).join('   ');
}

export const TREND_STATS = ['min', 'avg', 'med', 'p(95)', 'p(99)', 'max'];
export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const count = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',');
