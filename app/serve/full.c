/* /full: a product's three documents in one answer, sent from where they are. */
#include "serve/lookup.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const struct {
    h2o_iovec_t before;
    enum document_kind kind;
} members[] = {
    {{H2O_STRLIT("{\"product\":")}, DOCUMENT_PRODUCT},
    {{H2O_STRLIT(",\"styles\":")}, DOCUMENT_STYLES},
    {{H2O_STRLIT(",\"related\":")}, DOCUMENT_RELATED},
};

size_t full_parts(const struct entry *e, h2o_iovec_t out[PARTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        enum document_kind kind = members[i].kind;
        out[n++] = members[i].before;
        out[n++] = h2o_iovec_init(entry_bytes(e, kind, CODING_IDENTITY), e->document[kind].length[CODING_IDENTITY]);
    }
    out[n++] = h2o_iovec_init(H2O_STRLIT("}"));
    return n;
}

static void hash_members(const struct entry *e, char out[HASH_HEX])
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        XXH3_128bits_update(&state, e->document[members[i].kind].hash, HASH_HEX);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    hash_to_hex(hash.high64, hash.low64, out);
}

void look_up_full(struct exchange *x, bool last, struct answer *a)
{
    char hash[HASH_HEX];
    const struct entry *e = answer_product(x, last, a);
    if (!e) {
        return;
    }
    const struct late *late[CODINGS] = {[CODING_GZIP] = answer_late(x, e, LATE_FULL_GZIP, CODING_GZIP),
                                        [CODING_BROTLI] = answer_late(x, e, LATE_FULL, CODING_BROTLI)};
    bool available[CODINGS] = {[CODING_IDENTITY] = true};
    uint32_t length[CODINGS] = {0};
    for (int coding = CODING_GZIP; coding < CODINGS; coding++) {
        available[coding] = late[coding] != NULL;
        length[coding] = late[coding] ? late[coding]->length : 0;
    }
    size_t count = full_parts(e, a->parts);
    for (size_t i = 0; i < count; i++) {
        length[CODING_IDENTITY] += (uint32_t)a->parts[i].len;
    }
    hash_members(e, hash);
    bool chosen = answer_choose(x, a, available, length, hash);
    if (codings_welcome(&x->codings, CODING_BROTLI, CODING_GZIP)) {
        answer_ask_late(x, a, e, LATE_FULL, CODING_BROTLI);
    } else {
        answer_ask_late(x, a, e, LATE_FULL_GZIP, CODING_GZIP);
    }
    if (!chosen || a->not_modified || x->head) {
        return;
    }
    if (late[a->coding]) {
        a->parts[0] = h2o_iovec_init(late[a->coding]->bytes, late[a->coding]->length);
        count = 1;
    }
    a->part_count = count;
    answer_pin(x, e);
}
