/* Looking up: from target to answer, out of memory. All of it happens inside one guard, in the order
 * that the cache asks for: applied, then each slot's mark, then its entry. What is sent is copied
 * or pinned before the guard is left. */
#include "serve/exchange.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Up to this size a request's pool has room without a malloc, and a copy is cheaper than a count that all threads
 * write. Measured at 2.3 KB: with its malloc the copy takes 3 % of a request's CPU time more. */
enum { COPY_MAX = 1000 };

static void problem(struct answer *a, enum problem p, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void problem(struct answer *a, enum problem p, const char *format, ...)
{
    va_list args;
    a->kind = ANSWER_PROBLEM;
    a->problem = p;
    va_start(args, format);
    vsnprintf(a->detail, sizeof a->detail, format, args);
    va_end(args);
}

/* ---- freshness ------------------------------------------------------------------------------ */

/* By stamps: an earlier era's entry may have a higher version, which means nothing in the era that is shown. */
static void note_version(struct answer *a, const struct entry *e)
{
    if (e->stamp > a->newest) {
        a->overtaken |= stamp_era_index(e->stamp) > stamp_era_index(a->newest);
        a->newest = e->stamp;
        a->version = stamp_version(e->stamp);
    }
}

/* What Postgres has told lately: a crash may have handed out transaction numbers again, and then the number that a
 * writer was told is also that of an older transaction, which the snapshot of the life before sees. */
static bool is_met(const struct exchange *x, const struct answer *a, const struct applied *applied)
{
    return at_least_met(&x->at_least, a->era, a->version, &applied->snapshot) &&
           !(a->unproven && x->at_least.kind == AT_LEAST_XID);
}

/* Starts the answer with what is applied; false: the answer is that it is not as fresh as asked for (or to wait). */
static bool check_freshness(struct exchange *x, bool last, struct answer *a)
{
    const struct service *s = x->worker->service;
    const struct applied *applied = cache_applied(x->worker->guard);
    int64_t proved_us = cache_proved_us(s->cache);
    int64_t age_us = clock_coarse_us() + CLOCK_COARSE_LAG_US - proved_us;
    a->unproven = age_us > s->options->unproven_after_ms * 1000;
    a->stale_s = age_us / 1000000;
    if (!applied) {
        problem(a, PROBLEM_NOT_LOADED, "nothing has been read from Postgres yet");
        return false;
    }
    a->versioned = true;
    a->era = applied->era;
    a->newest = applied->stamp;
    a->version = stamp_version(applied->stamp);
    if (is_met(x, a, applied)) {
        return true;
    }
    if (last) {
        problem(a, PROBLEM_NOT_FRESH, "Catalogue-At-Least is not reached within %" PRId64 " ms", s->options->wait_ms);
    } else {
        a->kind = ANSWER_WAIT;
    }
    return false;
}

/* A product that is not in memory, or is marked: ask for it, and wait unless that is no use. */
static bool must_wait(struct exchange *x, bool last, const struct answer *a, int64_t id)
{
    if (last || a->unproven) {
        return false;
    }
    return demand_ask(x->worker->service->demand, id);
}

/* true: `found` can be shown. false: the answer is a problem, or to wait. */
static bool can_show(struct exchange *x, bool last, struct answer *a, int64_t id, const struct found *found)
{
    bool missing = !found->entry && !found->absent;
    if ((missing || found->marked) && must_wait(x, last, a, id)) {
        a->kind = ANSWER_WAIT;
        return false;
    }
    if (missing) {
        problem(a, PROBLEM_NOT_LOADED, "product %" PRId64 " is not in memory, and Postgres did not give it in time",
                id);
        return false;
    }
    if (found->marked && x->at_least.kind != AT_LEAST_NOTHING) {
        problem(a, PROBLEM_NOT_FRESH, "product %" PRId64 " has changed, and Postgres did not give it in time", id);
        return false;
    }
    a->marked |= found->marked;
    if (found->entry) {
        note_version(a, found->entry);
    }
    return true;
}

/* ---- validators and codings ----------------------------------------------------------------- */

static void set_etag(struct answer *a, const char hash[HASH_HEX])
{
    static const char suffix[CODINGS][8] = {[CODING_IDENTITY] = "\"", [CODING_GZIP] = "-gzip\""};
    size_t suffix_len = a->coding == CODING_GZIP ? 6 : 1;
    a->etag[0] = '"';
    memcpy(a->etag + 1, hash, HASH_HEX);
    memcpy(a->etag + 1 + HASH_HEX, suffix[a->coding], suffix_len);
    a->etag_len = 1 + HASH_HEX + suffix_len;
}

static bool matches(const struct exchange *x, const struct answer *a)
{
    for (size_t i = 0; i < x->validator_count; i++) {
        if (etag_matches(x->validators[i].base, x->validators[i].len, a->etag, a->etag_len)) {
            return true;
        }
    }
    return false;
}

/* Sets coding, ETag and whether the client has it already; false: no acceptable coding. */
static bool choose(struct exchange *x, struct answer *a, const bool available[CODINGS], const uint32_t length[CODINGS],
                   const char hash[HASH_HEX])
{
    int coding = codings_choose(&x->codings, available, length);
    if (coding < 0) {
        problem(a, PROBLEM_NOT_ACCEPTABLE, "Accept-Encoding refuses all codings there are: %s",
                available[CODING_GZIP] ? "gzip, identity" : "identity");
        return false;
    }
    a->kind = ANSWER_BODY;
    a->coding = (enum coding)coding;
    a->length = length[coding];
    set_etag(a, hash);
    a->not_modified = matches(x, a);
    return true;
}

/* ---- single documents ----------------------------------------------------------------------- */

static void unpin(void *pinned)
{
    entry_unpin(*(const struct entry **)pinned);
}

static h2o_iovec_t borrow(h2o_req_t *req, const struct entry *e, const char *bytes, size_t len)
{
    if (len <= COPY_MAX) {
        char *copy = h2o_mem_alloc_pool(&req->pool, len);
        memcpy(copy, bytes, len);
        return h2o_iovec_init(copy, len);
    }
    const struct entry **pinned = h2o_mem_alloc_shared(&req->pool, sizeof(struct entry *), unpin);
    *pinned = e;
    entry_pin(e);
    return h2o_iovec_init(bytes, len);
}

/* Why a product that exists has no documents. */
static void refuse(struct exchange *x, struct answer *a, const struct entry *e)
{
    const struct cache *c = x->worker->service->cache;
    if (e->left_out) {
        problem(a, PROBLEM_UNAVAILABLE,
                "there is no room in memory for product %" PRId64
                ": the catalogue takes %zu bytes, --memory-limit is %zu",
                e->id, cache_memory(c), cache_memory_limit(c));
    } else {
        problem(a, PROBLEM_UNAVAILABLE, "%s", e->bytes);
    }
}

static void look_up_document(struct exchange *x, bool last, struct answer *a, enum document_kind kind)
{
    static const bool available[CODINGS] = {true, true};
    int64_t id = x->target.id;
    struct found found = cache_get(x->worker->guard, id);
    if (!can_show(x, last, a, id, &found)) {
        return;
    }
    if (found.absent) {
        problem(a, PROBLEM_UNKNOWN_PRODUCT, "there is no product %" PRId64, id);
        return;
    }
    if (found.entry->refused) {
        refuse(x, a, found.entry);
        return;
    }
    const struct document *d = &found.entry->document[kind];
    if (choose(x, a, available, d->length, d->hash) && !a->not_modified && !x->head) {
        a->body = borrow(x->req, found.entry, entry_bytes(found.entry, kind, a->coding), a->length);
    }
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct cards {
    const struct entry *entries[LIST_COUNT_MAX];
    size_t count;
};

/* Adds a product's card if there is one to show; false: the answer is a problem, or to wait. A list lacks what has a
 * document over its limit, which stays so; but not what has no room for the moment. */
static bool add_card(struct exchange *x, bool last, struct answer *a, int64_t id, struct cards *cards)
{
    struct found found = cache_get(x->worker->guard, id);
    if (!can_show(x, last, a, id, &found)) {
        return false;
    }
    if (found.entry && found.entry->left_out) {
        refuse(x, a, found.entry);
        return false;
    }
    if (!found.absent && !found.entry->refused) {
        cards->entries[cards->count++] = found.entry;
    }
    return true;
}

/* Asks for all that is missing before it waits: one wait for the whole list. */
static bool add_cards(struct exchange *x, bool last, struct answer *a, const int64_t *ids, size_t count,
                      struct cards *cards)
{
    bool wait = false;
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

static void hash_cards(const struct cards *cards, char out[HASH_HEX])
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < cards->count; i++) {
        XXH3_128bits_update(&state, cards->entries[i]->card_hash, HASH_HEX);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    char hex[HASH_HEX + 1];
    snprintf(hex, sizeof hex, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    memcpy(out, hex, HASH_HEX);
}

static size_t cards_length(const struct cards *cards)
{
    size_t length = 2 + (cards->count ? cards->count - 1 : 0);
    for (size_t i = 0; i < cards->count; i++) {
        length += cards->entries[i]->card_length + 1;
    }
    return length;
}

static h2o_iovec_t write_cards(h2o_req_t *req, const struct cards *cards, size_t length)
{
    char *out = h2o_mem_alloc_pool(&req->pool, length);
    char *at = out;
    *at++ = '[';
    for (size_t i = 0; i < cards->count; i++) {
        const struct entry *e = cards->entries[i];
        if (i > 0) {
            *at++ = ',';
        }
        memcpy(at, entry_bytes(e, DOCUMENT_PRODUCT, CODING_IDENTITY), e->card_length);
        at += e->card_length;
        *at++ = '}';
    }
    *at = ']';
    return h2o_iovec_init(out, length);
}

static void answer_cards(struct exchange *x, struct answer *a, const struct cards *cards)
{
    static const bool available[CODINGS] = {[CODING_IDENTITY] = true};
    char hash[HASH_HEX];
    size_t length = cards_length(cards);
    const uint32_t lengths[CODINGS] = {[CODING_IDENTITY] = (uint32_t)length};
    hash_cards(cards, hash);
    if (choose(x, a, available, lengths, hash) && !a->not_modified && !x->head) {
        a->body = write_cards(x->req, cards, length);
    }
}

static void add_link(char **at, char *end, const char *parameter, int64_t value, int64_t count, const char *relation)
{
    *at += snprintf(*at, (size_t)(end - *at), "%s</products?%s=%" PRId64 "&count=%" PRId64 ">; rel=\"%s\"",
                    (*at)[-1] ? ", " : "", parameter, value, count, relation);
}

enum { LINK_MAX = 512 };

/* RFC 8288. `total` cards; `next_after` is the last id shown, 0 if no more follow. */
static h2o_iovec_t links(const struct exchange *x, int64_t total, int64_t next_after)
{
    const struct target *t = &x->target;
    char *start = h2o_mem_alloc_pool(&x->req->pool, LINK_MAX + 1);
    char *end = start + LINK_MAX + 1;
    char *at = start + 1;
    *start = '\0'; /* says to add_link that nothing is there yet */
    if (t->list == LIST_AFTER) {
        add_link(&at, end, "after", 0, t->count, "first");
        if (next_after) {
            add_link(&at, end, "after", next_after, t->count, "next");
        }
        return h2o_iovec_init(start + 1, (size_t)(at - start - 1));
    }
    int64_t last_page = total > 0 ? (total - 1) / t->count + 1 : 1;
    add_link(&at, end, "page", 1, t->count, "first");
    if (t->page > 1) {
        add_link(&at, end, "page", t->page - 1 < last_page ? t->page - 1 : last_page, t->count, "prev");
    }
    if (t->page < last_page) {
        add_link(&at, end, "page", t->page + 1, t->count, "next");
    }
    add_link(&at, end, "page", last_page, t->count, "last");
    return h2o_iovec_init(start + 1, (size_t)(at - start - 1));
}

static size_t first_position(const struct target *t, const struct id_root *ids)
{
    if (t->list == LIST_AFTER) {
        return id_index_rank(ids, t->after);
    }
    int64_t position;
    return __builtin_mul_overflow(t->page - 1, t->count, &position) ? SIZE_MAX : (size_t)position;
}

/* Whether a list can be made from the index: it may lack products that were added a moment ago, or, while everything is
 * read again, any. false: the answer is a problem, or to wait. */
static bool can_list(const struct exchange *x, bool last, struct answer *a)
{
    const struct cache *c = x->worker->service->cache;
    if (!cache_was_complete(c)) {
        problem(a, PROBLEM_NOT_LOADED, "lists can be answered once the whole catalogue is loaded; it is being loaded");
        return false;
    }
    bool asked = x->at_least.kind != AT_LEAST_NOTHING;
    bool arriving = cache_arriving(c) > 0;
    bool lacks = arriving || !cache_is_complete(c);
    if ((arriving || (lacks && asked)) && !last && !a->unproven) {
        a->kind = ANSWER_WAIT;
        return false;
    }
    if (lacks && asked) {
        problem(a, PROBLEM_NOT_FRESH, "products were added, and Postgres did not give them in time");
        return false;
    }
    a->marked |= lacks;
    return true;
}

static void look_up_page(struct exchange *x, bool last, struct answer *a)
{
    int64_t page[LIST_COUNT_MAX];
    struct cards cards;
    cards.count = 0;
    if (!can_list(x, last, a)) {
        return;
    }
    const struct id_root *ids = cache_ids(x->worker->guard);
    size_t from = first_position(&x->target, ids);
    size_t count = id_index_copy(ids, from, page, (size_t)x->target.count);
    if (!add_cards(x, last, a, page, count, &cards)) {
        return;
    }
    bool more = count > 0 && from + count < id_index_count(ids);
    a->link = links(x, (int64_t)id_index_count(ids), more ? page[count - 1] : 0);
    answer_cards(x, a, &cards);
}

static void look_up_ids(struct exchange *x, bool last, struct answer *a)
{
    struct cards cards;
    cards.count = 0;
    if (add_cards(x, last, a, x->target.ids, x->target.id_count, &cards)) {
        answer_cards(x, a, &cards);
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void look_up(struct exchange *x, bool last, struct answer *a)
{
    switch (x->target.route) {
    case ROUTE_PRODUCT:
        look_up_document(x, last, a, DOCUMENT_PRODUCT);
        return;
    case ROUTE_STYLES:
        look_up_document(x, last, a, DOCUMENT_STYLES);
        return;
    case ROUTE_RELATED:
        look_up_document(x, last, a, DOCUMENT_RELATED);
        return;
    default:
        if (x->target.list == LIST_IDS) {
            look_up_ids(x, last, a);
        } else {
            look_up_page(x, last, a);
        }
    }
}

static void look_up_once(struct exchange *x, bool last, struct answer *a)
{
    a->kind = ANSWER_BODY;
    a->body = a->link = (h2o_iovec_t){0};
    a->versioned = a->marked = a->not_modified = a->overtaken = false;
    guard_enter(x->worker->guard);
    if (check_freshness(x, last, a)) {
        look_up(x, last, a);
    }
    guard_leave(x->worker->guard);
}

/* An era is applied before its entries are published: who meets one of a later era reads what is applied again. */
void exchange_look_up(struct exchange *x, bool last, struct answer *a)
{
    look_up_once(x, last, a);
    if (a->overtaken) {
        look_up_once(x, last, a);
        a->versioned &= !a->overtaken;
    }
}
