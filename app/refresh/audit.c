#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    RANGE_MAX = 2000,         /* products */
    SLOW_US = 40000,          /* a range that takes longer is cut in half: so long is a snapshot held */
    QUICK_US = 10000,         /* one that takes less is doubled */
    REST = 20,                /* after what took t, the audit rests for 20 t: at most 5 % of a core */
    ROW_COUNTS_US = 10000000, /* how often statistics are looked at */
    REPAIR_US = 10000000,     /* how long the next range waits for repairs */
};

/* ---- products ------------------------------------------------------------------------------- */

enum verdict {
    CONSISTENT,
    OPEN, /* it cannot be said: the entry is newer than the digest, or known to be old */
    INCONSISTENT,
};

/* `there`: what Postgres has; NULL: no such product. The log has been read up to `s`. */
static enum verdict judge(const struct refresher *r, struct slot *slot, const struct digest *there, stamp s)
{
    if (!slot) {
        return there ? INCONSISTENT : CONSISTENT; /* what has no slot is answered with 404 */
    }
    const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    if (refresher_is_stale(r, slot) || e->stamp > s) {
        return OPEN;
    }
    bool same = there ? e->exists && e->digest == there->value : !e->exists;
    return same ? CONSISTENT : INCONSISTENT;
}

/* Marks it like any other change. What was read in the very snapshot of the digest cannot be read anew before something
 * else is committed, and stays for the next cycle. */
static void repair(struct refresher *r, int64_t id)
{
    struct audit *a = &r->audit;
    struct slot *slot = cache_slot(r->cache, id, true);
    if (!slot) {
        return; /* no memory: found again in the next cycle */
    }
    cache_mark(r->cache, slot, a->stamp);
    if (refresher_is_stale(r, slot)) {
        refresher_want(r, slot, refresher_urgency(slot));
        a->repairs[a->repair_count++] = id;
    }
}

static void judge_product(struct refresher *r, int64_t id, const struct digest *there)
{
    struct slot *slot = cache_slot(r->cache, id, false);
    enum verdict verdict = judge(r, slot, there, r->audit.stamp);
    metric_add(&r->metrics.audit_checked, verdict != OPEN);
    if (verdict != INCONSISTENT) {
        return;
    }
    const struct entry *e = slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
    const char *what = !there           ? "it is served, and Postgres does not have it"
                       : e && e->exists ? "what is served is not what Postgres has"
                                        : "Postgres has it, and it is not served";
    metric_add(&r->metrics.audit_inconsistent, 1);
    log_warn("inconsistent", LOG_INT("product", id), LOG_STR("what", what));
    repair(r, id);
}

/* Ids that the cache lists and products that Postgres has, both ascending: each id once. */
static void judge_products(struct refresher *r, const int64_t *listed, size_t count)
{
    const struct audit *a = &r->audit;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        for (; at < a->digest_count && a->digests[at].id < listed[i]; at++) {
            judge_product(r, a->digests[at].id, &a->digests[at]);
        }
        bool there = at < a->digest_count && a->digests[at].id == listed[i];
        judge_product(r, listed[i], there ? &a->digests[at++] : NULL);
    }
    for (; at < a->digest_count; at++) {
        judge_product(r, a->digests[at].id, &a->digests[at]);
    }
}

/* ---- ranges --------------------------------------------------------------------------------- */

/* The cycle's time, evenly over its ranges, with a tenth in hand. */
static int64_t interval_us(const struct refresher *r)
{
    size_t ranges = id_index_count(cache_ids_own(r->cache)) / r->audit.size + 1;
    return r->options.audit_cycle_s * 900000 / (int64_t)ranges;
}

static void rest(struct refresher *r)
{
    struct audit *a = &r->audit;
    int64_t rested_us = clock_us() + REST * a->spent_us;
    int64_t next_us = a->sent_us + (a->hurried ? 0 : interval_us(r));
    a->next_us = next_us > rested_us ? next_us : rested_us;
    a->spent_us = 0;
}

static void finish_cycle(struct refresher *r)
{
    int64_t took_us = clock_us() - r->audit.cycle_began_us;
    metric_add(&r->metrics.audit_cycles, 1);
    metric_set(&r->metrics.audit_cycle_seconds, (uint64_t)(took_us / 1000000));
    metric_set(&r->metrics.audit_cycle_ended, (uint64_t)(clock_wall_us() / 1000000));
    log_info("audited", LOG_INT("products", cache_entries(r->cache)), LOG_INT("ms", took_us / 1000),
             LOG_INT("inconsistent_total", metric_get(&r->metrics.audit_inconsistent)));
}

static void finish_range(struct refresher *r)
{
    struct audit *a = &r->audit;
    bool last = a->up_to == INT64_MAX;
    metric_add(&r->metrics.audit_ranges, 1);
    a->hurried &= !(a->wrapped && a->up_to >= a->hurried_up_to);
    a->wrapped |= last;
    a->each = false;
    if (last) {
        finish_cycle(r);
    }
    a->after = last ? 0 : a->up_to;
    rest(r);
}

/* Forgets what came of the range, to begin it again. */
static void drop_range(struct refresher *r)
{
    struct audit *a = &r->audit;
    free(a->digests);
    a->digests = NULL;
    a->each = false;
    rest(r);
}

/* Whether the entries can be compared with what was read in this life of the feed in a snapshot of this stamp. What was
 * read before everything was marked may name products that came and went without a slot of their own. */
static bool is_comparable(const struct refresher *r, uint64_t life, stamp s)
{
    return life == r->life && stamp_era_index(s) == r->era_index && s >= cache_floor(r->cache) && !r->load.running &&
           cache_is_complete(r->cache);
}

static void judge_range(struct refresher *r)
{
    struct audit *a = &r->audit;
    size_t count;
    int64_t *listed = refresher_listed(r, a->after, a->up_to, &count);
    a->repairs = listed ? malloc((count + a->digest_count + 1) * sizeof *a->repairs) : NULL;
    if (!a->repairs) {
        free(listed);
        drop_range(r);
        return;
    }
    judge_products(r, listed, count);
    a->repair_stamp = a->stamp;
    a->repair_until_us = clock_us() + REPAIR_US;
    free(listed);
    free(a->digests);
    a->digests = NULL;
    finish_range(r);
}

/* The digests of single products wait until the log has been read up to their snapshot. */
static void judge_when_read(struct refresher *r)
{
    const struct audit *a = &r->audit;
    if (!is_comparable(r, a->life, a->stamp)) {
        drop_range(r);
    } else if (stamp_make(r->era_index, snapshot_version(&r->feed.last)) >= a->stamp) {
        judge_range(r);
    }
}

/* If the digests are equal, so is all that they are made of, whenever it was read. If not, perhaps something has just
 * changed: that is told product by product. */
static void compare_range(struct refresher *r, uint64_t there)
{
    struct audit *a = &r->audit;
    size_t count;
    int64_t *listed = refresher_listed(r, a->after, a->up_to, &count);
    uint64_t here = 0;
    for (size_t i = 0; listed && i < count; i++) {
        const struct slot *slot = cache_slot(r->cache, listed[i], false);
        here ^= atomic_load_explicit(&slot->entry, memory_order_relaxed)->digest;
    }
    a->each = !listed || here != there;
    free(listed);
    if (!a->each) {
        metric_add(&r->metrics.audit_checked, count);
        finish_range(r);
    }
}

static void adapt_size(struct audit *a, const struct fetch *f)
{
    if (!f->ok || f->took_us > SLOW_US) {
        a->size = a->size > 1 ? a->size / 2 : 1;
    } else if (f->took_us < QUICK_US) {
        a->size = a->size < RANGE_MAX / 2 ? a->size * 2 : RANGE_MAX;
    }
}

static void take_digests(struct refresher *r, struct fetch *f)
{
    struct audit *a = &r->audit;
    a->under_way = false;
    a->spent_us += f->took_us;
    if (f->kind == FETCH_RANGE_DIGEST) {
        adapt_size(a, f);
    }
    if (!refresher_is_current(r, f) || !is_comparable(r, f->life, f->stamp)) {
        drop_range(r);
    } else if (f->kind == FETCH_RANGE_DIGEST) {
        compare_range(r, f->digests[0].value);
    } else {
        a->digests = f->digests;
        a->digest_count = f->digest_count;
        a->life = f->life;
        a->stamp = f->stamp;
        f->digests = NULL;
        judge_when_read(r);
    }
}

/* ---- Postgres's statistics ------------------------------------------------------------------ */

bool audit_row_counts_alarm(const struct row_counts *before, const struct row_counts *now)
{
    return now->tables == before->tables && now->changed > before->changed && now->logged == before->logged;
}

/* A whole cycle without delay: from here round to here, with what is under way, which may have been read too early. */
static void hurry(struct refresher *r, uint64_t rows)
{
    struct audit *a = &r->audit;
    metric_add(&r->metrics.audit_alarms, 1);
    log_warn("audit_hurried", LOG_INT("rows", rows),
             LOG_STR("why", "rows have changed in Postgres, and the change log has not"));
    a->hurried = true;
    a->wrapped = false;
    a->hurried_up_to = a->under_way || a->each || a->digests ? a->up_to : a->after;
    a->next_us = 0;
}

static void take_row_counts(struct refresher *r, const struct fetch *f)
{
    struct audit *a = &r->audit;
    a->row_counts_under_way = false;
    if (!refresher_is_current(r, f)) {
        return;
    }
    if (a->row_counts_era == r->era.number && audit_row_counts_alarm(&a->row_counts, &f->row_counts)) {
        hurry(r, f->row_counts.changed - a->row_counts.changed);
    }
    a->row_counts = f->row_counts;
    a->row_counts_era = r->era.number;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void ask_row_counts(struct refresher *r, int64_t now)
{
    struct fetch *f = refresher_fetch(r, FETCH_ROW_COUNTS);
    r->audit.next_row_counts_us = now + ROW_COUNTS_US;
    if (f) {
        r->audit.row_counts_under_way = true;
        fetch_submit(r->pool, &f);
    }
}

/* The last id of a range of `size` products. */
static int64_t end_of_range(const struct refresher *r)
{
    const struct id_root *ids = cache_ids_own(r->cache);
    size_t end = id_index_rank(ids, r->audit.after) + r->audit.size;
    int64_t last = INT64_MAX;
    if (end < id_index_count(ids)) {
        id_index_copy(ids, end - 1, &last, 1);
    }
    return last;
}

static void ask_digests(struct refresher *r, int64_t now)
{
    struct audit *a = &r->audit;
    struct fetch *f = refresher_fetch(r, a->each ? FETCH_PRODUCT_DIGESTS : FETCH_RANGE_DIGEST);
    if (!f) {
        r->fetch_retry_us = now + r->options.reconnect_max_ms * 1000;
        return;
    }
    if (!a->each) {
        a->sent_us = now;
        a->up_to = end_of_range(r);
        a->cycle_began_us = a->after == 0 ? now : a->cycle_began_us;
    }
    f->after = a->after;
    f->up_to = a->up_to;
    a->under_way = true;
    fetch_submit(r->pool, &f);
}

/* Until the inconsistent products have been read again, or for long enough. */
static bool wait_for_repairs(struct refresher *r, int64_t now)
{
    struct audit *a = &r->audit;
    while (a->repair_count > 0) {
        const struct slot *slot = cache_slot(r->cache, a->repairs[a->repair_count - 1], false);
        const struct entry *e = slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
        if (slot && (!e || e->stamp < a->repair_stamp)) {
            break;
        }
        metric_add(&r->metrics.audit_repaired, 1);
        a->repair_count--;
    }
    if (a->repair_count > 0 && now < a->repair_until_us) {
        return true;
    }
    free(a->repairs);
    a->repairs = NULL;
    a->repair_count = 0;
    return false;
}

/* It waits for everything else: loading, and changes that are more than a fetch. */
static bool may_ask(const struct refresher *r)
{
    return !r->load.running && cache_is_complete(r->cache) && change_set_backlog(&r->set) <= FETCH_IDS_MAX;
}

void audit_step(struct refresher *r)
{
    struct audit *a = &r->audit;
    int64_t now = clock_us();
    if (r->options.audit_cycle_s == 0) {
        return;
    }
    if (!a->row_counts_under_way && now >= a->next_row_counts_us) {
        ask_row_counts(r, now);
    }
    if (a->digests) {
        judge_when_read(r);
    }
    if (a->under_way || a->digests || wait_for_repairs(r, now) || !may_ask(r)) {
        return;
    }
    if (a->size == 0) {
        a->size = RANGE_MAX / 4;
        a->next_us = now + refresher_jitter(r, interval_us(r)); /* not all replicas at once */
    }
    if (a->each || now >= a->next_us) {
        ask_digests(r, now);
    }
}

void audit_take_done(struct refresher *r, struct fetch *f)
{
    if (f->kind == FETCH_ROW_COUNTS) {
        take_row_counts(r, f);
    } else {
        take_digests(r, f);
    }
}

bool audit_needs_slots(const struct refresher *r)
{
    return r->audit.under_way || r->audit.digests;
}

void audit_fini(struct audit *a)
{
    free(a->digests);
    free(a->repairs);
}
