#include "refresh/make_entry.h"

#include "base/log.h"
#include "refresh/gzip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert((int)DOCUMENT_KINDS <= (int)GZIP_CLASSES_MAX, "documents of a kind are alike");

struct entry_maker {
    struct renderer *renderer;
    struct gzip *gzip;
    size_t document_max;
    struct buffer {
        char *at; /* a compressed document, grown as needed */
        size_t cap;
    } buffers[DOCUMENT_KINDS];
};

struct bytes {
    const char *at;
    size_t len;
};

bool entry_maker_new(struct entry_maker **out, size_t document_max, struct error *e)
{
    struct entry_maker *m = calloc(1, sizeof *m);
    if (!m) {
        return error_set(e, ERROR_SYSTEM, "no memory for a compressor");
    }
    m->document_max = document_max;
    if (!gzip_new(&m->gzip, e) || !renderer_new(&m->renderer, e)) {
        entry_maker_free(&m);
        return false;
    }
    *out = m;
    return true;
}

void entry_maker_free(struct entry_maker **maker)
{
    struct entry_maker *m = *maker;
    if (!m) {
        return;
    }
    renderer_free(&m->renderer);
    gzip_free(&m->gzip);
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        free(m->buffers[kind].at);
    }
    free(m);
    *maker = NULL;
}

static bool compress(struct entry_maker *m, enum document_kind kind, const struct text *document, struct bytes *out)
{
    struct buffer *buffer = &m->buffers[kind];
    size_t need = gzip_bound(document->len);
    if (need > buffer->cap) {
        char *grown = realloc(buffer->at, need);
        if (!grown) {
            return false;
        }
        buffer->at = grown;
        buffer->cap = need;
    }
    *out = (struct bytes){buffer->at, gzip_compress(m->gzip, kind, document->at, document->len, buffer->at)};
    return true;
}

/* Most changes leave two of three documents as they were, and compressing is the dearest part of making an entry. */
static bool compressed_before(const struct entry *before, enum document_kind kind, const struct text *document,
                              struct bytes *out)
{
    const struct document *d = before ? &before->document[kind] : NULL;
    if (!d || d->length[CODING_IDENTITY] != document->len ||
        memcmp(entry_bytes(before, kind, CODING_IDENTITY), document->at, document->len) != 0) {
        return false;
    }
    *out = (struct bytes){.at = entry_bytes(before, kind, CODING_GZIP), .len = d->length[CODING_GZIP]};
    return true;
}

static void to_hex(XXH128_hash_t hash, char out[HASH_HEX])
{
    hash_to_hex(hash.high64, hash.low64, out);
}

static void hash_card(struct entry *e, const struct text *product)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset_withSeed(&state, RENDERER_REVISION);
    XXH3_128bits_update(&state, product->at, e->card_length);
    XXH3_128bits_update(&state, "}", 1);
    to_hex(XXH3_128bits_digest(&state), e->card_hash);
}

static void pack(const struct rendered *rendered, const struct bytes *gzipped, struct entry *e)
{
    uint32_t at = 0;
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        struct document *d = &e->document[kind];
        const struct text *identity = &rendered->document[kind];
        const struct bytes *gzip = &gzipped[kind];
        d->offset[CODING_IDENTITY] = at;
        d->length[CODING_IDENTITY] = (uint32_t)identity->len;
        memcpy(e->bytes + at, identity->at, identity->len);
        at += (uint32_t)identity->len;
        d->offset[CODING_GZIP] = at;
        d->length[CODING_GZIP] = (uint32_t)gzip->len;
        memcpy(e->bytes + at, gzip->at, gzip->len);
        at += (uint32_t)gzip->len;
        to_hex(XXH3_128bits_withSeed(identity->at, identity->len, RENDERER_REVISION), d->hash);
    }
    e->card_length = (uint32_t)rendered->card_length;
    e->prices = rendered->prices;
    e->thumbnail = rendered->thumbnail;
    hash_card(e, &rendered->document[DOCUMENT_PRODUCT]);
}

/* An entry without documents, or NULL for want of memory. */
static bool give(struct entry *made, int64_t id, stamp s, struct entry **out, struct error *e)
{
    if (!made) {
        return error_set(e, ERROR_SYSTEM, "product %" PRId64 ": no memory", id);
    }
    made->stamp = s;
    *out = made;
    return true;
}

bool entry_make_absent(int64_t id, stamp s, struct entry **out, struct error *e)
{
    return give(entry_new(id, false, 0), id, s, out, e);
}

/* The length of a document over the limit; 0: all are within it. */
static size_t too_large(const struct entry_maker *m, const struct rendered *rendered)
{
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        if (rendered->document[kind].len > m->document_max) {
            return rendered->document[kind].len;
        }
    }
    return 0;
}

static bool make_refused(const struct entry_maker *m, int64_t id, size_t len, stamp s, struct entry **out,
                         struct error *e)
{
    char why[160];
    snprintf(why, sizeof why, "product %" PRId64 " has a document of %zu bytes; --document-max-bytes allows %zu", id,
             len, m->document_max);
    log_error("document_too_large", LOG_INT("product", id), LOG_INT("bytes", len),
              LOG_STR("option", "--document-max-bytes"), LOG_INT("limit", m->document_max));
    return give(entry_new_refused(id, why), id, s, out, e);
}

bool entry_make(struct entry_maker *m, const struct product *p, stamp s, const struct entry *before, struct entry **out,
                struct error *e)
{
    struct bytes gzipped[DOCUMENT_KINDS];
    const struct rendered *rendered;
    if (!renderer_render(m->renderer, p, &rendered, e)) {
        return false;
    }
    size_t len = too_large(m, rendered);
    if (len > 0) {
        return make_refused(m, p->id, len, s, out, e);
    }
    size_t bytes = 0;
    for (int kind = 0; kind < DOCUMENT_KINDS; kind++) {
        const struct text *document = &rendered->document[kind];
        if (!compressed_before(before, kind, document, &gzipped[kind]) &&
            !compress(m, kind, document, &gzipped[kind])) {
            return error_set(e, ERROR_SYSTEM, "product %" PRId64 ": no memory to compress it", p->id);
        }
        bytes += document->len + gzipped[kind].len;
    }
    struct entry *made = entry_new(p->id, true, bytes);
    if (!made) {
        return error_set(e, ERROR_SYSTEM, "product %" PRId64 ": no memory for %zu bytes", p->id, bytes);
    }
    made->stamp = s;
    pack(rendered, gzipped, made);
    *out = made;
    return true;
}
