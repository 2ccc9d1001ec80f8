/* What becomes of a slot: wanted, or settled once something was published. What all parts of the
 * refresher stand on. */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

int64_t refresher_jitter(struct refresher *r, int64_t upto)
{
    r->random = r->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return upto > 0 ? (int64_t)((r->random >> 33) % (uint64_t)upto) : 0;
}

bool refresher_is_stale(const struct refresher *r, struct slot *slot)
{
    const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    stamp mark = atomic_load_explicit(&slot->mark, memory_order_relaxed);
    return !e || e->stamp < mark || e->stamp < cache_floor(r->cache);
}

/* Sees to it that the product will be fetched: unless a fetch is under way, which looks again when it is back. */
void refresher_want(struct refresher *r, struct slot *slot, enum urgency urgency)
{
    if (!slot->fetching && (slot->queue == URGENCY_NONE || slot->queue > urgency)) {
        change_set_put(&r->set, slot, urgency);
    }
}

enum urgency refresher_urgency(struct slot *slot)
{
    return atomic_load_explicit(&slot->read, memory_order_relaxed) ? URGENCY_READ : URGENCY_REST;
}

/* Marked again or never there: fetch it. Nothing there: remember that for a while. */
static void settle(struct refresher *r, struct slot *slot)
{
    if (refresher_is_stale(r, slot)) {
        refresher_want(r, slot, refresher_urgency(slot));
    } else if (!atomic_load_explicit(&slot->entry, memory_order_relaxed)->exists) {
        change_set_put(&r->set, slot, URGENCY_ABSENT);
    } else if (atomic_load_explicit(&slot->entry, memory_order_relaxed)->left_out) {
        change_set_put(&r->set, slot, URGENCY_LEFT_OUT);
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
    room_admit(r, entries, count);
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
        if (slot && results[i] == PUBLISH_NO_MEMORY) {
            refresher_want(r, slot, refresher_urgency(slot)); /* also if it is shown: perhaps it is not listed */
        } else if (slot) {
            settle(r, slot);
        }
    }
}

void refresher_publish(struct refresher *r, struct entry **entries, size_t count)
{
    for (size_t at = 0; at < count; at += PUBLISH_MAX) {
        publish_some(r, entries + at, count - at < PUBLISH_MAX ? count - at : PUBLISH_MAX);
    }
    demand_announce(r->demand);
    room_judge(r);
}

struct fetch *refresher_fetch(const struct refresher *r, enum fetch_kind kind)
{
    struct fetch *f = fetch_new(kind);
    if (f) {
        f->life = r->life;
        f->era = r->era;
        f->era_index = r->era_index;
    }
    return f;
}

int64_t *refresher_listed(const struct refresher *r, int64_t after, int64_t up_to, size_t *count)
{
    const struct id_root *ids = cache_ids_own(r->cache);
    size_t first = id_index_rank(ids, after);
    size_t end = id_index_rank(ids, up_to);
    int64_t *listed = malloc((end - first + 1) * sizeof *listed);
    *count = listed ? id_index_copy(ids, first, listed, end - first) : 0;
    return listed;
}

bool refresher_is_current(const struct refresher *r, const struct fetch *f)
{
    return f->ok && f->life == r->life && r->feed.pg.connection;
}

void refresher_fetch_failed(struct refresher *r, const struct fetch *f)
{
    metric_add(&r->metrics.fetch_failures, 1);
    r->fetch_retry_us = clock_us() + refresher_jitter(r, r->options.reconnect_max_ms) * 1000;
    if (f->error.code != ERROR_STOPPED) {
        log_warn("fetch_failed", LOG_STR("error", f->error.text));
    }
}
