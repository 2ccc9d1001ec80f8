/* Room: the catalogue keeps to --memory-limit. At the start a catalogue that will not fit is refused, and the program
 * ends. Later, what has no room is left out: the product is known, and its answers name the limit. What is in
 * memory already stays, and is replaced by what is newer whatever its size, so it stays fresh. */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "cache/heap.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SAMPLE_PART = 4,   /* an estimate counts once this part of the limit is full */
    SPARE_PART = 64,   /* what was left out is fetched while more than this part of the limit is free */
    FILL_MAX = 4096,   /* … so many at once */
    SAY_US = 10000000, /* between two lines that say that products are left out */
};

/* A product that is left out: its entry, its slot, and what the heap adds to them. */
enum { LEFT_OUT_BYTES = sizeof(struct entry) + sizeof(struct slot) + 2 * 16 };

/* How many products have their documents in memory. */
static size_t whole_products(const struct refresher *r)
{
    return cache_entries(r->cache) - cache_left_out(r->cache);
}

/* What one of these takes on average, with its share of everything but the room made in advance. */
static size_t bytes_each(const struct refresher *r)
{
    size_t whole = whole_products(r);
    size_t others = r->room.base + cache_left_out(r->cache) * LEFT_OUT_BYTES;
    size_t used = cache_memory(r->cache);
    return (used > others ? used - others : 0) / (whole > 0 ? whole : 1);
}

static size_t bytes_of(const struct refresher *r, size_t products)
{
    return r->room.base + products * bytes_each(r);
}

/* ---- leaving out ---------------------------------------------------------------------------- */

static bool has_documents(const struct slot *slot)
{
    const struct entry *e = slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
    return e && e->exists && !e->refused;
}

void room_admit(struct refresher *r, struct entry **entries, size_t count)
{
    size_t limit = cache_memory_limit(r->cache);
    size_t used = cache_memory(r->cache);
    for (size_t i = 0; limit > 0 && i < count; i++) {
        struct entry *e = entries[i];
        if (!e->exists || e->refused || has_documents(cache_slot(r->cache, e->id, false))) {
            continue;
        }
        if (used + entry_allocated(e) > limit) {
            entry_leave_out(&entries[i]);
        }
        used += entry_allocated(entries[i]);
    }
}

/* ---- filling -------------------------------------------------------------------------------- */

/* How many products of mean size fit into what is free. */
static size_t free_places(const struct refresher *r)
{
    size_t limit = cache_memory_limit(r->cache);
    size_t used = cache_memory(r->cache);
    size_t free = limit > used ? limit - used : 0;
    return free > limit / SPARE_PART ? (free - limit / SPARE_PART) / (bytes_each(r) + 1) + 1 : 0;
}

static void say(struct refresher *r, int64_t now)
{
    size_t left_out = cache_left_out(r->cache);
    if (left_out > 0 && now >= r->room.say_us) {
        r->room.say_us = now + SAY_US;
        r->room.is_short = true;
        log_error("memory_limit_reached", LOG_INT("products_left_out", left_out),
                  LOG_INT("bytes", cache_memory(r->cache)), LOG_STR("option", "--memory-limit"),
                  LOG_INT("limit", cache_memory_limit(r->cache)));
    } else if (left_out == 0 && r->room.is_short) {
        r->room.is_short = false;
        r->room.say_us = 0;
        log_info("memory_limit_kept", LOG_INT("bytes", cache_memory(r->cache)),
                 LOG_INT("limit", cache_memory_limit(r->cache)));
    }
}

/* Not if the last try brought nothing in, for what it tried is too large, and nothing has gone since. */
static bool is_worth_a_try(const struct refresher *r)
{
    return cache_left_out(r->cache) != r->room.tried_left_out || cache_memory(r->cache) < r->room.tried_used;
}

/* After a load, whose rows and slices are gone; and when the catalogue has become much smaller. */
static void give_back(struct refresher *r)
{
    size_t used = cache_memory(r->cache);
    uint64_t loads = metric_get(&r->metrics.loads);
    r->room.peak = used > r->room.peak ? used : r->room.peak;
    if (loads != r->room.loads || used < r->room.peak / 4 * 3) {
        heap_trim();
        r->room.loads = loads;
        r->room.peak = used;
    }
}

void room_keep(struct refresher *r, int64_t now)
{
    give_back(r);
    if (cache_memory_limit(r->cache) == 0) {
        return;
    }
    say(r, now);
    if (change_set_backlog(&r->set) + r->ids_fetching > 0 || !is_worth_a_try(r)) {
        return;
    }
    size_t places = free_places(r);
    places = places < FILL_MAX ? places : FILL_MAX;
    r->room.tried_left_out = cache_left_out(r->cache);
    r->room.tried_used = cache_memory(r->cache);
    for (struct slot *slot; places > 0 && (slot = r->set.head[URGENCY_LEFT_OUT]); places--) {
        change_set_drop(&r->set, slot);
        refresher_want(r, slot, refresher_urgency(slot));
    }
}

/* ---- refusing at the start ------------------------------------------------------------------ */

/* Exactly: statistics may be from before a catalogue was replaced. 0: Postgres did not say. */
static size_t count_products(struct refresher *r)
{
    struct error e;
    PGresult *result;
    if (!r->feed.pg.connection || !pg_query(&r->feed.pg, "SELECT count(*)::text FROM public.products", &result, &e)) {
        return 0;
    }
    size_t count = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return count;
}

static void refuse(struct refresher *r)
{
    size_t expected = metric_get(&r->metrics.load_expected);
    size_t products = cache_entries(r->cache);
    products = expected > products ? expected : products;
    products = r->room.counted > 0 ? r->room.counted : products;
    error_set(
        &r->room.error, ERROR_LIMIT,
        "the catalogue does not fit into --memory-limit %zu: %zu products of %zu bytes, the mean of the first %zu, "
        "and %zu bytes for --expected-products take about %zu bytes; raise the limit, or set it to 0 for none",
        cache_memory_limit(r->cache), products, bytes_each(r), whole_products(r), r->room.base, bytes_of(r, products));
    log_error("memory_limit_refused", LOG_STR("error", r->room.error.text));
    atomic_store_explicit(&r->room.refused, true, memory_order_release);
    kill(getpid(), SIGTERM); /* main drains, asks why and ends */
}

/* By Postgres's statistics, and not counted yet. */
static bool expects_too_much(const struct refresher *r)
{
    size_t limit = cache_memory_limit(r->cache);
    return r->room.counted == 0 && cache_memory(r->cache) >= limit / SAMPLE_PART &&
           bytes_of(r, metric_get(&r->metrics.load_expected)) > limit;
}

void room_judge(struct refresher *r)
{
    if (cache_memory_limit(r->cache) == 0 || cache_was_complete(r->cache) || r->room.refused) {
        return;
    }
    bool over = cache_left_out(r->cache) > 0;
    if (!over && !expects_too_much(r)) {
        return;
    }
    r->room.counted = count_products(r);
    if (over || bytes_of(r, r->room.counted) > cache_memory_limit(r->cache)) {
        refuse(r);
    }
}

bool refresher_refusal(const struct refresher *r, struct error *e)
{
    if (!atomic_load_explicit(&r->room.refused, memory_order_acquire)) {
        return false;
    }
    *e = r->room.error;
    return true;
}
