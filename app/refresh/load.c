/* Loading the whole catalogue: at the start, and whenever everything may have changed. Slices of ids, each read in one
 * short transaction, several under way at once and back in any order; what the feed says meanwhile is marked as always,
 * so a slice that is older than a change is refused product by product.
 *
 * `todo` is what has neither been loaded nor is under way: ranges of ids that do not overlap, of which one at most is
 * open at its end. A slice of that one tells where the slices after it end; a slice that comes back with less than its
 * range, or with nothing, leaves the rest to do. Everything is loaded when nothing is to do and nothing is under way.
 */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/make_entry.h"

#include <stdlib.h>

enum {
    REPORT_US = 3000000,
    REFUSED_MS = 10, /* … until 20: then a slice that found no permit is tried again */
};

/* ---- what is to do -------------------------------------------------------------------------- */

static void todo_add(struct refresher *r, int64_t after, int64_t until)
{
    if (after < until) {
        r->load.todo[r->load.todo_count++] = (struct id_range){after, until};
    }
}

static struct id_range todo_take(struct refresher *r)
{
    struct id_range *todo = r->load.todo;
    size_t lowest = 0;
    size_t open = 0;
    for (size_t i = 0; i < r->load.todo_count; i++) {
        lowest = todo[i].after < todo[lowest].after ? i : lowest;
        open = todo[i].until == INT64_MAX ? i : open;
    }
    size_t at = r->load.todo_count <= LOAD_FEW && todo[open].until == INT64_MAX ? open : lowest;
    struct id_range range = todo[at];
    todo[at] = todo[--r->load.todo_count];
    return range;
}

void load_start(struct refresher *r)
{
    r->load.number++; /* slices under way belong to the load before */
    r->load.started_us = clock_us();
    r->load.report_us = r->load.started_us + REPORT_US;
    r->load.products = r->load.reported = 0;
    r->load.running = true;
    r->load.lacks = false;
    r->load.todo_count = 0;
    todo_add(r, 0, INT64_MAX);
    metric_set(&r->metrics.loading, 1);
    metric_set(&r->metrics.load_products, 0);
}

/* ---- slices out ----------------------------------------------------------------------------- */

static bool can_send(const struct refresher *r)
{
    return r->load.running && r->load.todo_count > 0 && r->load.under_way + 1 < (size_t)r->options.fetchers &&
           clock_us() >= r->load.retry_us;
}

void load_send(struct refresher *r)
{
    while (can_send(r)) {
        struct fetch *f = refresher_fetch(r, FETCH_SLICE);
        if (!f) {
            r->fetch_retry_us = clock_us() + r->options.reconnect_max_ms * 1000;
            return;
        }
        struct id_range range = todo_take(r);
        f->load = r->load.number;
        f->after = range.after;
        f->until = range.until;
        f->slice = r->options.slice;
        r->load.under_way++;
        fetch_submit(r->pool, &f);
    }
}

/* ---- slices in ------------------------------------------------------------------------------ */

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

/* The others may need it more: whoever has none waits, and who gets the next one is left to chance. */
static void wait_for_permit(struct refresher *r)
{
    r->load.retry_us = clock_us() + (REFUSED_MS + refresher_jitter(r, REFUSED_MS)) * 1000;
    if (r->load.under_way == 0) {
        metric_set(&r->metrics.load_waiting, 1);
    }
}

/* What the slice leaves to do of its range. */
static void take_slice(struct refresher *r, struct fetch *f)
{
    size_t products = f->entry_count;
    if (!publish_slice(r, f, &f->error)) {
        refresher_fetch_failed(r, f);
        todo_add(r, f->after, f->until);
        return;
    }
    r->load.products += products;
    metric_add(&r->metrics.slices, 1);
    metric_set(&r->metrics.load_products, r->load.products);
    metric_set(&r->metrics.load_waiting, 0);
    int64_t after = f->up_to;
    for (size_t i = 0; i < f->bound_count; after = f->bounds[i++]) {
        todo_add(r, after, f->bounds[i]);
    }
    todo_add(r, after, f->until);
    if (f->estimate > 0) {
        metric_set(&r->metrics.load_expected, (uint64_t)f->estimate);
    }
}

void load_take_done(struct refresher *r, struct fetch *f)
{
    r->load.under_way--;
    if (f->load != r->load.number) {
        /* The new load goes over this range, too. */
    } else if (f->refused || !refresher_is_current(r, f)) {
        todo_add(r, f->after, f->until);
    } else {
        take_slice(r, f);
    }
    if (f->refused) {
        wait_for_permit(r);
    }
    if (r->load.running && r->load.todo_count == 0 && r->load.under_way == 0) {
        finish_load(r);
    }
}

void load_report(struct refresher *r)
{
    int64_t now = clock_us();
    if (!r->load.running || now < r->load.report_us) {
        return;
    }
    uint64_t since_us = (uint64_t)(now - r->load.report_us + REPORT_US);
    log_info(metric_get(&r->metrics.load_waiting) ? "load_waits" : "load_progress",
             LOG_INT("products", r->load.products), LOG_INT("expected", metric_get(&r->metrics.load_expected)),
             LOG_INT("per_second", (r->load.products - r->load.reported) * 1000000 / since_us));
    r->load.reported = r->load.products;
    r->load.report_us = now + REPORT_US;
}
