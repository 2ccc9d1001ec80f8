/* Looking up: from target to answer, out of memory. All of it happens inside one guard, in the order
 * that the cache asks for: applied, then each slot's mark, then its entry. What is sent is copied
 * or pinned before the guard is left. */
#include "serve/lookup.h"

#include "base/clock.h"
#include "serve/openapi.h"

#include <inttypes.h>
#include <stdarg.h>

/* Up to this size a request's pool has room without a malloc, and a copy is cheaper than a count that all threads
 * write. Measured at 2.3 KB: with its malloc the copy takes 3 % of a request's CPU time more. */
enum { COPY_MAX = 1000 };

void answer_problem(struct answer *a, enum problem p, const char *format, ...)
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
    a->unproven = age_us > x->worker->tuning.unproven_after_ms * 1000;
    a->stale_s = age_us / 1000000;
    if (!applied) {
        answer_problem(a, PROBLEM_NOT_LOADED, "nothing has been read from Postgres yet");
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
        answer_problem(a, PROBLEM_NOT_FRESH, "Catalogue-At-Least is not reached within %" PRId64 " ms",
                       x->worker->tuning.wait_ms);
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

bool answer_can_show(struct exchange *x, bool last, struct answer *a, int64_t id, const struct found *found)
{
    bool missing = !found->entry && !found->absent;
    if ((missing || found->marked) && must_wait(x, last, a, id)) {
        x->missed |= missing;
        a->kind = ANSWER_WAIT;
        return false;
    }
    if (missing) {
        answer_problem(a, PROBLEM_NOT_LOADED,
                       "product %" PRId64 " is not in memory, and Postgres did not give it in time", id);
        return false;
    }
    if (found->marked && x->at_least.kind != AT_LEAST_NOTHING) {
        answer_problem(a, PROBLEM_NOT_FRESH, "product %" PRId64 " has changed, and Postgres did not give it in time",
                       id);
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
    static const h2o_iovec_t suffix[CODINGS] = {[CODING_IDENTITY] = {H2O_STRLIT("\"")},
                                                [CODING_GZIP] = {H2O_STRLIT("-gzip\"")},
                                                [CODING_BROTLI] = {H2O_STRLIT("-br\"")}};
    a->etag[0] = '"';
    memcpy(a->etag + 1, hash, HASH_HEX);
    memcpy(a->etag + 1 + HASH_HEX, suffix[a->coding].base, suffix[a->coding].len);
    a->etag_len = 1 + HASH_HEX + suffix[a->coding].len;
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

static bool client_has_coding(const struct exchange *x, struct answer *a, const char hash[HASH_HEX], int coding)
{
    a->coding = (enum coding)coding;
    set_etag(a, hash);
    return matches(x, a);
}

/* Whether the client has it as chosen, or in another coding as welcome: another replica, or this one a moment ago, may
 * have had other codings to choose from. */
static bool client_has(const struct exchange *x, struct answer *a, const char hash[HASH_HEX])
{
    int chosen = a->coding;
    if (client_has_coding(x, a, hash, chosen)) {
        return true;
    }
    for (int coding = 0; x->validator_count > 0 && coding < CODINGS; coding++) {
        if (codings_welcome(&x->codings, coding, chosen) && client_has_coding(x, a, hash, coding)) {
            return true;
        }
    }
    return client_has_coding(x, a, hash, chosen);
}

bool answer_choose(struct exchange *x, struct answer *a, const bool available[CODINGS], const uint32_t length[CODINGS],
                   const char hash[HASH_HEX])
{
    int coding = codings_choose(&x->codings, available, length);
    if (coding < 0) {
        answer_problem(a, PROBLEM_NOT_ACCEPTABLE, "Accept-Encoding refuses all codings there are: %s",
                       available[CODING_GZIP] ? "gzip, identity" : "identity");
        return false;
    }
    a->kind = ANSWER_BODY;
    a->coding = (enum coding)coding;
    a->length = length[coding];
    a->not_modified = client_has(x, a, hash);
    return true;
}

const struct late *answer_late(const struct exchange *x, const struct entry *e, unsigned kind, enum coding coding)
{
    return codings_welcome(&x->codings, coding, -1) ? entry_late(e, kind) : NULL;
}

void answer_ask_late(const struct exchange *x, const struct answer *a, const struct entry *e, unsigned kind,
                     enum coding coding)
{
    if (codings_welcome(&x->codings, coding, a->kind == ANSWER_BODY ? (int)a->coding : -1) && !entry_late(e, kind)) {
        coder_ask(x->worker->service->coder, e, kind);
    }
}

/* ---- single documents ----------------------------------------------------------------------- */

static void unpin(void *pinned)
{
    entry_unpin(*(const struct entry **)pinned);
}

void answer_pin(struct exchange *x, const struct entry *e)
{
    const struct entry **pinned = h2o_mem_alloc_shared(&x->req->pool, sizeof(struct entry *), unpin);
    *pinned = e;
    entry_pin(e);
}

static void borrow(struct exchange *x, struct answer *a, const struct entry *e, const char *bytes)
{
    if (a->length <= COPY_MAX) {
        bytes = memcpy(h2o_mem_alloc_pool(&x->req->pool, a->length), bytes, a->length);
    } else {
        answer_pin(x, e);
    }
    a->parts[0] = h2o_iovec_init(bytes, a->length);
    a->part_count = 1;
}

void answer_refused(const struct exchange *x, struct answer *a, const struct entry *e)
{
    const struct cache *c = x->worker->service->cache;
    if (e->left_out) {
        answer_problem(a, PROBLEM_UNAVAILABLE,
                       "there is no room in memory for product %" PRId64
                       ": the catalogue takes %zu bytes, --memory-limit is %zu",
                       e->id, cache_memory(c), cache_memory_limit(c));
    } else {
        answer_problem(a, PROBLEM_UNAVAILABLE, "%s", e->bytes);
    }
}

const struct entry *answer_product(struct exchange *x, bool last, struct answer *a)
{
    int64_t id = x->target.id;
    struct found found = cache_get(x->worker->guard, id);
    if (!answer_can_show(x, last, a, id, &found)) {
        return NULL;
    }
    if (found.absent) {
        answer_problem(a, PROBLEM_UNKNOWN_PRODUCT, "there is no product %" PRId64, id);
        return NULL;
    }
    if (found.entry->refused) {
        answer_refused(x, a, found.entry);
        return NULL;
    }
    return found.entry;
}

static void look_up_document(struct exchange *x, bool last, struct answer *a, enum document_kind kind)
{
    const struct entry *e = answer_product(x, last, a);
    if (!e) {
        return;
    }
    const struct document *d = &e->document[kind];
    const struct late *late = answer_late(x, e, kind, CODING_BROTLI);
    const bool available[CODINGS] = {true, true, late != NULL};
    const uint32_t length[CODINGS] = {d->length[CODING_IDENTITY], d->length[CODING_GZIP], late ? late->length : 0};
    bool chosen = answer_choose(x, a, available, length, d->hash);
    answer_ask_late(x, a, e, kind, CODING_BROTLI);
    if (chosen && !a->not_modified && !x->head) {
        borrow(x, a, e, a->coding == CODING_BROTLI ? late->bytes : entry_bytes(e, kind, a->coding));
    }
}

static void look_up_openapi(struct exchange *x, struct answer *a)
{
    static const bool available[CODINGS] = {true, true};
    if (answer_choose(x, a, available, openapi.length, openapi.hash) && !a->not_modified && !x->head) {
        a->parts[0] = h2o_iovec_init(openapi.bytes[a->coding], a->length);
        a->part_count = 1;
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
    case ROUTE_FULL:
        look_up_full(x, last, a);
        return;
    case ROUTE_RELATED_CARDS:
        look_up_related_cards(x, last, a);
        return;
    default:
        look_up_list(x, last, a);
    }
}

static void look_up_once(struct exchange *x, bool last, struct answer *a)
{
    a->kind = ANSWER_BODY;
    a->part_count = 0;
    a->link = (h2o_iovec_t){0};
    a->versioned = a->marked = a->not_modified = a->overtaken = false;
    if (x->target.route == ROUTE_OPENAPI) {
        look_up_openapi(x, a);
        return;
    }
    if (x->target.route == ROUTE_INDEX) {
        look_up_index(x, a);
        return;
    }
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
