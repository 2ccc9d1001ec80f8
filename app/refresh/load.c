/* Loading the whole catalogue: at the start, and whenever everything may have changed. Slices of
 * ascending ids, each read in one short transaction; what the feed says meanwhile is marked as always,
 * so a slice that is older than a change is refused product by product. */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/make_entry.h"

#include <stdlib.h>

void load_start(struct refresher *r)
{
    r->load.after = 0;
    r->load.started_us = clock_us();
    r->load.running = true;
    r->load.lacks = false;
    r->load.again = r->load.slice_under_way; /* the slice under way belongs to the load before */
    metric_set(&r->metrics.loading, 1);
    metric_set(&r->metrics.loaded_up_to, 0);
}

void load_send(struct refresher *r)
{
    if (!r->load.running || r->load.slice_under_way) {
        return;
    }
    struct fetch *f = refresher_fetch(r, FETCH_SLICE);
    if (!f) {
        r->fetch_retry_us = clock_us() + r->options.reconnect_max_ms * 1000;
        return;
    }
    f->after = r->load.after;
    f->slice = r->options.slice;
    r->load.slice_under_way = true;
    fetch_submit(r->pool, &f);
}

static void finish_load(struct refresher *r)
{
    if (r->load.lacks) {
        load_start(r);
        return;
    }
    r->load.running = false;
    r->load.ended_us = clock_us();
    cache_set_complete(r->cache);
    metric_add(&r->metrics.loads, 1);
    metric_set(&r->metrics.loading, 0);
    log_info("catalogue_loaded", LOG_INT("products", cache_entries(r->cache)), LOG_INT("bytes", cache_bytes(r->cache)),
             LOG_INT("ms", (clock_us() - r->load.started_us) / 1000));
}

/* The slice's entries, and between them "no such product" for what the cache lists and the slice lacks. */
static struct entry **with_absent(struct fetch *f, const int64_t *listed, size_t count, size_t *out_count,
                                  struct error *e)
{
    struct entry **all = malloc((f->entry_count + count + 1) * sizeof(struct entry *));
    if (!all) {
        error_set(e, ERROR_SYSTEM, "no memory for a slice of %zu products", f->entry_count);
        return NULL;
    }
    size_t n = 0;
    size_t from = 0;
    for (size_t i = 0; i < count; i++) {
        while (from < f->entry_count && f->entries[from]->id < listed[i]) {
            all[n++] = f->entries[from++];
        }
        bool there = from < f->entry_count && f->entries[from]->id == listed[i];
        if (!there && entry_make_absent(listed[i], f->stamp, &all[n], e)) {
            n++;
        }
    }
    while (from < f->entry_count) {
        all[n++] = f->entries[from++];
    }
    *out_count = n;
    f->entry_count = 0; /* they belong to `all` now */
    return all;
}

static bool publish_slice(struct refresher *r, struct fetch *f, struct error *e)
{
    size_t listed_count;
    size_t count = 0;
    int64_t *listed = refresher_listed(r, f->after, f->up_to, &listed_count);
    e->code = ERROR_NONE;
    struct entry **all = listed ? with_absent(f, listed, listed_count, &count, e) : NULL;
    if (all) {
        r->load.lacks |= e->code != ERROR_NONE; /* no memory to say of something that it is gone */
        refresher_publish(r, all, count);
    }
    free(all);
    free(listed);
    return all || error_set(e, ERROR_SYSTEM, "no memory to publish a slice");
}

void load_take_done(struct refresher *r, struct fetch *f)
{
    r->load.slice_under_way = false;
    if (r->load.again || !refresher_is_current(r, f)) {
        r->load.again = false; /* a new load has begun, or the slice is asked for again */
        return;
    }
    if (!publish_slice(r, f, &f->error)) {
        refresher_fetch_failed(r, f);
        return;
    }
    metric_add(&r->metrics.slices, 1);
    r->load.after = f->up_to;
    if (f->up_to == INT64_MAX) {
        finish_load(r);
    } else {
        metric_set(&r->metrics.loaded_up_to, (uint64_t)f->up_to);
    }
}
