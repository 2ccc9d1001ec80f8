#include "serve/cards.h"

#include <inttypes.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CARD_PARTS_MAX = 5, ASSEMBLED_MAX = 1 << 28 };

#define LITERAL(string) h2o_iovec_init(H2O_STRLIT(string))

/* ---- what is shown -------------------------------------------------------------------------- */

/* A list lacks what has a document over its limit, which stays so; but not what has no room for the moment. */
static bool add_card(struct exchange *x, bool last, struct answer *a, int64_t id, struct cards *cards)
{
    struct found found = cache_get(x->worker->guard, id);
    if (!answer_can_show(x, last, a, id, &found)) {
        return false;
    }
    if (found.entry && found.entry->left_out) {
        answer_refused(x, a, found.entry);
        return false;
    }
    if (!found.absent && !found.entry->refused) {
        cards->entries[cards->count++] = found.entry;
    }
    return true;
}

bool cards_add(struct exchange *x, bool last, struct answer *a, const int64_t *ids, size_t count, struct cards *cards)
{
    bool wait = false;
    ENSURE(count <= LIST_COUNT_MAX - cards->count);
    for (size_t i = 0; i < count; i++) {
        if (!add_card(x, last, a, ids[i], cards)) {
            wait = a->kind == ANSWER_WAIT;
            if (!wait) {
                return false;
            }
        }
    }
    return !wait;
}

/* ---- one card ------------------------------------------------------------------------------- */

static size_t plain_parts(const struct entry *e, h2o_iovec_t out[CARD_PARTS_MAX])
{
    out[0] = h2o_iovec_init(entry_bytes(e, DOCUMENT_PRODUCT, CODING_IDENTITY), e->card_length);
    out[1] = LITERAL("}");
    return 2;
}

static void hash_plain(XXH3_state_t *state, const struct entry *e)
{
    XXH3_128bits_update(state, e->card_hash, HASH_HEX);
}

static h2o_iovec_t of_styles(const struct entry *e, struct slice s)
{
    return h2o_iovec_init(entry_bytes(e, DOCUMENT_STYLES, CODING_IDENTITY) + s.offset, s.length);
}

static h2o_iovec_t prices(const struct entry *e)
{
    return e->prices.length ? of_styles(e, e->prices) : LITERAL(",\"original_price\":null,\"sale_price\":null");
}

static h2o_iovec_t thumbnail(const struct entry *e)
{
    return e->thumbnail.length ? of_styles(e, e->thumbnail) : LITERAL("\"thumbnail_url\":null");
}

/* The product document without its last brace, and three members more. */
static size_t related_parts(const struct entry *e, h2o_iovec_t out[CARD_PARTS_MAX])
{
    out[0] = h2o_iovec_init(entry_bytes(e, DOCUMENT_PRODUCT, CODING_IDENTITY),
                            e->document[DOCUMENT_PRODUCT].length[CODING_IDENTITY] - 1);
    out[1] = prices(e);
    out[2] = LITERAL(",");
    out[3] = thumbnail(e);
    out[4] = LITERAL("}");
    return CARD_PARTS_MAX;
}

/* Of the slices the bytes themselves: stock moves the hash of the styles document, but is not shown. */
static void hash_related(XXH3_state_t *state, const struct entry *e)
{
    h2o_iovec_t price = prices(e);
    h2o_iovec_t picture = thumbnail(e);
    XXH3_128bits_update(state, e->document[DOCUMENT_PRODUCT].hash, HASH_HEX);
    XXH3_128bits_update(state, price.base, price.len);
    XXH3_128bits_update(state, picture.base, picture.len);
}

static const struct {
    size_t (*parts)(const struct entry *e, h2o_iovec_t out[CARD_PARTS_MAX]);
    void (*hash)(XXH3_state_t *state, const struct entry *e);
} forms[CARD_FORMS] = {
    [CARD_PLAIN] = {plain_parts, hash_plain},
    [CARD_RELATED] = {related_parts, hash_related},
};

/* ---- the array ------------------------------------------------------------------------------ */

static void hash_cards(const struct cards *cards, enum card_form form, char out[HASH_HEX])
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < cards->count; i++) {
        forms[form].hash(&state, cards->entries[i]);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    hash_to_hex(hash.high64, hash.low64, out);
}

static size_t cards_length(const struct cards *cards, enum card_form form)
{
    size_t length = 2 + (cards->count ? cards->count - 1 : 0);
    for (size_t i = 0; i < cards->count; i++) {
        h2o_iovec_t parts[CARD_PARTS_MAX];
        size_t count = forms[form].parts(cards->entries[i], parts);
        for (size_t k = 0; k < count; k++) {
            length += parts[k].len;
        }
    }
    return length;
}

static char *write_card(char *at, const struct entry *e, enum card_form form)
{
    h2o_iovec_t parts[CARD_PARTS_MAX];
    size_t count = forms[form].parts(e, parts);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].base, parts[i].len);
        at += parts[i].len;
    }
    return at;
}

static void write_cards(struct exchange *x, struct answer *a, const struct cards *cards, enum card_form form)
{
    char *out = h2o_mem_alloc_pool(&x->req->pool, a->length);
    char *at = out;
    *at++ = '[';
    for (size_t i = 0; i < cards->count; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        at = write_card(at, cards->entries[i], form);
    }
    *at = ']';
    a->parts[0] = h2o_iovec_init(out, a->length);
    a->part_count = 1;
}

void cards_answer(struct exchange *x, struct answer *a, const struct cards *cards, enum card_form form)
{
    static const bool available[CODINGS] = {[CODING_IDENTITY] = true};
    char hash[HASH_HEX];
    size_t length = cards_length(cards, form);
    const uint32_t lengths[CODINGS] = {[CODING_IDENTITY] = (uint32_t)length};
    if (length > ASSEMBLED_MAX) {
        answer_problem(a, PROBLEM_UNAVAILABLE, "these %zu cards are %zu bytes; at most %d are assembled: ask for fewer",
                       cards->count, length, ASSEMBLED_MAX);
        return;
    }
    hash_cards(cards, form, hash);
    if (answer_choose(x, a, available, lengths, hash) && !a->not_modified && !x->head) {
        write_cards(x, a, cards, form);
    }
}

/* ---- related cards -------------------------------------------------------------------------- */

/* The ids of a related document, "[2,3]", at most `max` of them. Returns how many it has. */
static size_t related_ids(const struct entry *e, int64_t *out, size_t max)
{
    const char *at = entry_bytes(e, DOCUMENT_RELATED, CODING_IDENTITY) + 1;
    size_t count = 0;
    while (*at >= '0' && *at <= '9') {
        int64_t id = 0;
        for (; *at >= '0' && *at <= '9'; at++) {
            id = id * 10 + (*at - '0');
        }
        if (count < max) {
            out[count] = id;
        }
        count++;
        at += *at == ',';
    }
    return count;
}

void look_up_related_cards(struct exchange *x, bool last, struct answer *a)
{
    int64_t ids[LIST_COUNT_MAX];
    struct cards cards;
    cards.count = 0;
    const struct entry *e = answer_product(x, last, a);
    if (!e) {
        return;
    }
    size_t count = related_ids(e, ids, LIST_COUNT_MAX);
    if (count > LIST_COUNT_MAX) {
        answer_problem(a, PROBLEM_UNAVAILABLE,
                       "product %" PRId64 " has %zu related products; cards are made of at most %d: ask for /related",
                       x->target.id, count, LIST_COUNT_MAX);
        return;
    }
    if (cards_add(x, last, a, ids, count, &cards)) {
        cards_answer(x, a, &cards, CARD_RELATED);
    }
}
