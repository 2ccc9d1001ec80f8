#include "refresh/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

struct renderer {
    yajl_gen json; /* prints into `into` */
    struct text *into;
    struct seen {
        size_t *at;  /* open addressing: positions in p->related, plus one; 0: free */
        size_t size; /* a power of two, at least twice as many as there are positions */
        size_t cap;
        int shift; /* size is 2 to the power of 64 - shift */
    } seen;
    bool failed; /* yajl refused something: sticky until the next product */
    struct rendered rendered;
};

static void print(void *context, const char *bytes, size_t len)
{
    struct renderer *r = context;
    if (len == 1) { /* most calls: quotes, commas, braces */
        text_char(r->into, *bytes);
    } else {
        text_add(r->into, bytes, len);
    }
}

bool renderer_new(struct renderer **out, struct error *e)
{
    struct renderer *r = calloc(1, sizeof *r);
    yajl_gen json = r ? yajl_gen_alloc(NULL) : NULL;
    if (!json) {
        free(r);
        return error_set(e, ERROR_SYSTEM, "no memory for a JSON generator");
    }
    yajl_gen_config(json, yajl_gen_print_callback, print, r);
    r->json = json;
    *out = r;
    return true;
}

void renderer_free(struct renderer **renderer)
{
    struct renderer *r = *renderer;
    if (!r) {
        return;
    }
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        text_fini(&r->rendered.document[kind]);
    }
    yajl_gen_free(r->json);
    free(r->seen.at);
    free(r);
    *renderer = NULL;
}

/* ---- values --------------------------------------------------------------------------------- */

static void check(struct renderer *r, yajl_gen_status status)
{
    r->failed |= status != yajl_gen_status_ok;
}

static void string(struct renderer *r, struct str s)
{
    check(r, s.at ? yajl_gen_string(r->json, (const unsigned char *)s.at, s.len) : yajl_gen_null(r->json));
}

static void key(struct renderer *r, const char *name, size_t len)
{
    check(r, yajl_gen_string(r->json, (const unsigned char *)name, len));
}
#define KEY(r, name) key(r, "" name, sizeof name - 1)

enum { DIGITS_MAX = 24 };

/* Prints it into the end of `digits`; several times as fast as snprintf, and numbers are a third of all tokens. */
static const char *decimal(int64_t n, char digits[DIGITS_MAX], size_t *len)
{
    char *at = digits + DIGITS_MAX;
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (n < 0) {
        *--at = '-';
    }
    *len = (size_t)(digits + DIGITS_MAX - at);
    return at;
}

static void integer(struct renderer *r, int64_t n)
{
    char digits[DIGITS_MAX];
    size_t len;
    const char *at = decimal(n, digits, &len);
    check(r, yajl_gen_number(r->json, at, len));
}

/* 64-bit ids as JSON strings: what the contract asks for in two places. */
static void integer_string(struct renderer *r, int64_t n)
{
    char digits[DIGITS_MAX];
    size_t len;
    const char *at = decimal(n, digits, &len);
    check(r, yajl_gen_string(r->json, (const unsigned char *)at, len));
}

#define MEMBER(r, name, value)                                                                                         \
    do {                                                                                                               \
        KEY(r, name);                                                                                                  \
        value;                                                                                                         \
    } while (0)

/* ---- documents ------------------------------------------------------------------------------ */

static void render_features(struct renderer *r, const struct product *p)
{
    check(r, yajl_gen_array_open(r->json));
    for (size_t i = 0; i < p->feature_count; i++) {
        check(r, yajl_gen_map_open(r->json));
        MEMBER(r, "feature", string(r, p->features[i].feature));
        MEMBER(r, "value", string(r, p->features[i].value));
        check(r, yajl_gen_map_close(r->json));
    }
    check(r, yajl_gen_array_close(r->json));
}

/* The card's members come first, so that the card is a prefix of this document. */
static void render_product(struct renderer *r, const struct product *p)
{
    check(r, yajl_gen_map_open(r->json));
    MEMBER(r, "id", integer(r, p->id));
    MEMBER(r, "name", string(r, p->name));
    MEMBER(r, "slogan", string(r, p->slogan));
    MEMBER(r, "description", string(r, p->description));
    MEMBER(r, "category", string(r, p->category));
    MEMBER(r, "default_price", string(r, p->default_price));
    r->rendered.card_length = r->into->len;
    MEMBER(r, "features", render_features(r, p));
    check(r, yajl_gen_map_close(r->json));
}

/* The style that stands for the product: the default one, else the first; NULL: there is none. */
static const struct style *shown_style(const struct product *p)
{
    for (size_t i = 0; i < p->style_count; i++) {
        if (p->styles[i].is_default) {
            return &p->styles[i];
        }
    }
    return p->style_count > 0 ? p->styles : NULL;
}

/* From here to where the document ends now. */
static struct slice slice_from(const struct renderer *r, size_t from)
{
    return (struct slice){.offset = (uint32_t)from, .length = (uint32_t)(r->into->len - from)};
}

static void render_photos(struct renderer *r, const struct style *s, bool shown)
{
    check(r, yajl_gen_array_open(r->json));
    for (size_t i = 0; i < s->photo_count; i++) {
        check(r, yajl_gen_map_open(r->json));
        size_t from = r->into->len;
        MEMBER(r, "thumbnail_url", string(r, s->photos[i].thumbnail_url));
        if (shown && i == 0) {
            r->rendered.thumbnail = slice_from(r, from);
        }
        MEMBER(r, "url", string(r, s->photos[i].url));
        check(r, yajl_gen_map_close(r->json));
    }
    check(r, yajl_gen_array_close(r->json));
}

static void render_skus(struct renderer *r, const struct style *s)
{
    check(r, yajl_gen_map_open(r->json));
    for (size_t i = 0; i < s->sku_count; i++) {
        const struct sku *sku = &s->skus[i];
        integer_string(r, sku->id);
        check(r, yajl_gen_map_open(r->json));
        MEMBER(r, "quantity", check(r, yajl_gen_number(r->json, sku->quantity.at, sku->quantity.len)));
        MEMBER(r, "size", string(r, sku->size));
        check(r, yajl_gen_map_close(r->json));
    }
    check(r, yajl_gen_map_close(r->json));
}

static void render_style(struct renderer *r, const struct style *s, bool shown)
{
    check(r, yajl_gen_map_open(r->json));
    MEMBER(r, "style_id", integer(r, s->id));
    MEMBER(r, "name", string(r, s->name));
    size_t from = r->into->len;
    MEMBER(r, "original_price", string(r, s->original_price));
    MEMBER(r, "sale_price", string(r, s->sale_price));
    if (shown) {
        r->rendered.prices = slice_from(r, from);
    }
    MEMBER(r, "default?", check(r, yajl_gen_bool(r->json, s->is_default)));
    MEMBER(r, "photos", render_photos(r, s, shown));
    MEMBER(r, "skus", render_skus(r, s));
    check(r, yajl_gen_map_close(r->json));
}

static void render_styles(struct renderer *r, const struct product *p)
{
    const struct style *shown = shown_style(p);
    r->rendered.prices = r->rendered.thumbnail = (struct slice){0};
    check(r, yajl_gen_map_open(r->json));
    MEMBER(r, "product_id", integer_string(r, p->id));
    KEY(r, "results");
    check(r, yajl_gen_array_open(r->json));
    for (size_t i = 0; i < p->style_count; i++) {
        render_style(r, &p->styles[i], &p->styles[i] == shown);
    }
    check(r, yajl_gen_array_close(r->json));
    check(r, yajl_gen_map_close(r->json));
}

/* Empties the table and makes room for `count` ids. */
static bool seen_start(struct seen *s, size_t count)
{
    s->size = 16;
    s->shift = 60;
    for (; s->size < 2 * count; s->shift--) {
        s->size *= 2;
    }
    if (s->size > s->cap) {
        size_t *at = realloc(s->at, s->size * sizeof *at);
        if (!at) {
            return false;
        }
        s->at = at;
        s->cap = s->size;
    }
    memset(s->at, 0, s->size * sizeof *s->at);
    return true;
}

/* Whether the id at this position was at an earlier one; from now on it was. */
static bool is_repeat(struct seen *s, const struct product *p, size_t position)
{
    int64_t id = p->related[position].related_id;
    size_t i = (size_t)((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15) >> s->shift); /* the product's highest bits */
    for (; s->at[i]; i = (i + 1) & (s->size - 1)) {
        if (p->related[s->at[i] - 1].related_id == id) {
            return true;
        }
    }
    s->at[i] = position + 1;
    return false;
}

static void render_related(struct renderer *r, const struct product *p)
{
    check(r, yajl_gen_array_open(r->json));
    if (!seen_start(&r->seen, p->related_count)) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < p->related_count; i++) {
        if (p->related[i].related_id != p->id && !is_repeat(&r->seen, p, i)) {
            integer(r, p->related[i].related_id);
        }
    }
    check(r, yajl_gen_array_close(r->json));
}

static void (*const render_kind[DOCUMENT_KINDS])(struct renderer *, const struct product *) = {
    [DOCUMENT_PRODUCT] = render_product,
    [DOCUMENT_STYLES] = render_styles,
    [DOCUMENT_RELATED] = render_related,
};

bool renderer_render(struct renderer *r, const struct product *p, const struct rendered **out, struct error *e)
{
    r->failed = false;
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        r->into = &r->rendered.document[kind];
        text_clear(r->into);
        yajl_gen_reset(r->json, NULL);
        render_kind[kind](r, p);
        r->failed |= r->into->failed;
    }
    if (r->failed) {
        return error_set(e, ERROR_DATA, "product %" PRId64 " could not be rendered (no memory, or a value JSON lacks)",
                         p->id);
    }
    *out = &r->rendered;
    return true;
}
