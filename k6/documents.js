// The documents of a product, each with the shape of its answer; and what is wrong with an answer, in a sentence.
// Imports nothing and reads no setting.

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
