/* Supplying the cache: products that changed are fetched, most urgent first; what comes back from a
 * lost connection is asked for again. */
#include "refresh/refresher_state.h"

#include <stdlib.h>

void supply_take_done(struct refresher *r, struct fetch *f)
{
    r->ids_fetches--;
    for (size_t i = 0; i < f->count; i++) {
        cache_slot(r->cache, f->ids[i], false)->fetching = false; /* a slot is not forgotten meanwhile */
    }
    if (refresher_is_current(r, f)) {
        refresher_publish(r, f->entries, f->entry_count);
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

void supply_send(struct refresher *r)
{
    while (r->ids_fetches < IDS_FETCHES_MAX && change_set_backlog(&r->set) > 0 && submit_ids(r)) {
    }
}
