/* Supplying the cache: products that changed are fetched, most urgent first; what comes back from a
 * lost connection is asked for again. */
#include "refresh/refresher_state.h"

#include <stdlib.h>

void supply_take_done(struct refresher *r, struct fetch *f)
{
    r->ids_fetches--;
    r->large_fetches -= f->large;
    r->ids_fetching -= f->count;
    for (size_t i = 0; i < f->count; i++) {
        cache_slot(r->cache, f->ids[i], false)->fetching = false; /* a slot is not forgotten meanwhile */
    }
    if (refresher_is_current(r, f)) {
        refresher_publish(r, f->entries, f->entry_count);
        canary_look(r);
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        struct slot *slot = cache_slot(r->cache, f->ids[i], false);
        refresher_want(r, slot, refresher_urgency(slot));
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What is shown soonest comes in small fetches: a product waits for all of its fetch, and a long fetch lets the next
 * one grow. Many changes at once are done soonest in large ones, which leave a fetcher to what requests wait for. */
enum { SOON_MAX = 32, MANY = 1024 };

static bool is_many(const struct refresher *r)
{
    return change_set_backlog(&r->set) >= MANY;
}

/* One at a time gathers what changes meanwhile, and each statement costs as much as several products. */
static bool is_time_for_small(const struct refresher *r)
{
    size_t backlog = change_set_backlog(&r->set);
    size_t wanted = is_many(r) ? r->set.count[URGENCY_WAITED] : backlog;
    size_t at_once = backlog <= SOON_MAX || is_many(r) ? 1 : (size_t)r->options.fetchers;
    return wanted > 0 && r->ids_fetches - r->large_fetches < at_once;
}

static bool is_time_for_large(const struct refresher *r)
{
    return is_many(r) && r->set.count[URGENCY_WAITED] < change_set_backlog(&r->set) &&
           r->large_fetches + 1 < (size_t)r->options.fetchers;
}

static bool submit_ids(struct refresher *r, bool large)
{
    size_t most = large ? FETCH_IDS_MAX : SOON_MAX;
    enum urgency first = large ? URGENCY_READ : URGENCY_WAITED;
    enum urgency last = is_many(r) && !large ? URGENCY_WAITED : URGENCY_REST;
    struct fetch *f = refresher_fetch(r, FETCH_IDS);
    if (!f) {
        return false;
    }
    f->large = large;
    for (struct slot *slot; f->count < most && (slot = change_set_take(&r->set, first, last));) {
        slot->fetching = true;
        f->ids[f->count++] = slot->id;
    }
    qsort(f->ids, f->count, sizeof *f->ids, by_value);
    for (size_t i = 0; i < f->count; i++) {
        f->before[i] = atomic_load_explicit(&cache_slot(r->cache, f->ids[i], false)->entry, memory_order_relaxed);
        if (f->before[i]) {
            entry_pin(f->before[i]);
        }
    }
    metric_add(&r->metrics.fetches, 1);
    r->ids_fetches++;
    r->large_fetches += large;
    r->ids_fetching += f->count;
    fetch_submit(r->pool, &f);
    return true;
}

void supply_send(struct refresher *r)
{
    while (is_time_for_small(r) && submit_ids(r, false)) {
    }
    while (is_time_for_large(r) && submit_ids(r, true)) {
    }
}
