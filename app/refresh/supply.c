/* Supplying the cache: products that changed are fetched, most urgent first, and what comes back is
 * published if the rules of cache.h allow it. */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

/* Marked again or never there: fetch it. Nothing there: remember that for a while. */
static void settle(struct refresher *r, struct slot *slot)
{
    if (refresher_is_stale(r, slot)) {
        refresher_want(r, slot, refresher_urgency(slot));
    } else if (!atomic_load_explicit(&slot->entry, memory_order_relaxed)->exists) {
        change_set_put(&r->set, slot, URGENCY_ABSENT);
    } else {
        change_set_drop(&r->set, slot);
    }
}

static void count_result(struct refresher *r, bool exists, enum publish_result result)
{
    metric *const counters[] = {[PUBLISH_DONE] = exists ? &r->metrics.published : &r->metrics.absent,
                                [PUBLISH_OLD] = &r->metrics.old,
                                [PUBLISH_AGAIN] = &r->metrics.again,
                                [PUBLISH_NO_MEMORY] = &r->metrics.no_memory};
    metric_add(counters[result], 1);
    if (result == PUBLISH_NO_MEMORY) {
        r->fetch_retry_us = clock_us() + r->options.reconnect_max_ms * 1000;
        log_error("publish_failed", LOG_STR("error", "no memory; the product stays marked and is fetched again"));
    }
}

static void publish_some(struct refresher *r, struct entry **entries, size_t count)
{
    enum publish_result results[PUBLISH_MAX];
    int64_t ids[PUBLISH_MAX];
    bool exists[PUBLISH_MAX];
    int64_t now = clock_us();
    for (size_t i = 0; i < count; i++) {
        entries[i]->published_us = now;
        ids[i] = entries[i]->id;
        exists[i] = entries[i]->exists;
    }
    cache_publish(r->cache, entries, count, results);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = cache_slot(r->cache, ids[i], false);
        count_result(r, exists[i], results[i]);
        r->load.lacks |= results[i] == PUBLISH_NO_MEMORY;
        if (slot) {
            settle(r, slot);
        }
    }
}

void supply_publish(struct refresher *r, struct entry **entries, size_t count)
{
    for (size_t at = 0; at < count; at += PUBLISH_MAX) {
        publish_some(r, entries + at, count - at < PUBLISH_MAX ? count - at : PUBLISH_MAX);
    }
    demand_announce(r->demand);
}

bool supply_is_current(const struct refresher *r, const struct fetch *f)
{
    return f->ok && f->life == r->life && r->feed.pg.connection;
}

void supply_failed(struct refresher *r, const struct fetch *f)
{
    metric_add(&r->metrics.fetch_failures, 1);
    r->fetch_retry_us = clock_us() + refresher_jitter(r, r->options.reconnect_max_ms) * 1000;
    if (f->error.code != ERROR_STOPPED) {
        log_warn("fetch_failed", LOG_STR("error", f->error.text));
    }
}

static void ids_done(struct refresher *r, struct fetch *f)
{
    r->ids_fetches--;
    for (size_t i = 0; i < f->count; i++) {
        cache_slot(r->cache, f->ids[i], false)->fetching = false; /* a slot is not forgotten meanwhile */
    }
    if (supply_is_current(r, f)) {
        supply_publish(r, f->entries, f->entry_count);
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        struct slot *slot = cache_slot(r->cache, f->ids[i], false);
        refresher_want(r, slot, refresher_urgency(slot));
    }
}

void supply_take_done(struct refresher *r)
{
    uint64_t count;
    ssize_t ignored = read(fetch_done_fd(r->pool), &count, sizeof count);
    (void)ignored;
    for (struct fetch *f; (f = fetch_take_done(r->pool)); fetch_free(&f)) {
        if (!f->ok) {
            supply_failed(r, f);
        }
        switch (f->kind) {
        case FETCH_IDS:
            ids_done(r, f);
            break;
        case FETCH_SLICE:
            load_take_done(r, f);
            break;
        default:
            r->prune_under_way = false;
            metric_add(&r->metrics.pruned, f->ok ? (uint64_t)f->pruned : 0);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool submit_ids(struct refresher *r)
{
    struct fetch *f = fetch_new(FETCH_IDS);
    if (!f) {
        return false;
    }
    f->life = r->life;
    f->era = r->era;
    f->era_index = r->era_index;
    for (struct slot *slot; f->count < FETCH_IDS_MAX && (slot = change_set_take(&r->set));) {
        slot->fetching = true;
        f->ids[f->count++] = slot->id;
    }
    qsort(f->ids, f->count, sizeof *f->ids, by_value);
    metric_add(&r->metrics.fetches, 1);
    r->ids_fetches++;
    fetch_submit(r->pool, &f);
    return true;
}

static void submit_prune(struct refresher *r)
{
    struct fetch *f = fetch_new(FETCH_PRUNE);
    r->next_prune_us = clock_us() + (PRUNE_MS + refresher_jitter(r, PRUNE_MS)) * 1000;
    if (f) {
        f->era = r->era;
        f->prune_seconds = r->options.log_retention_s;
        r->prune_under_way = true;
        fetch_submit(r->pool, &f);
    }
}

void supply_send(struct refresher *r)
{
    int64_t now = clock_us();
    if (!r->feed.pg.connection || now < r->fetch_retry_us) {
        return;
    }
    while (r->ids_fetches < IDS_FETCHES_MAX && change_set_backlog(&r->set) > 0 && submit_ids(r)) {
    }
    load_send(r);
    if (!r->prune_under_way && now >= r->next_prune_us) {
        submit_prune(r);
    }
}
