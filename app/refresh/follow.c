/* Following the feed: what it says becomes marks, then `applied`, then the proof of freshness, in
 * this order. What was known in an earlier life of Postgres is kept apart by the era in each stamp. */
#include "refresh/refresher_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

static stamp stamp_of(const struct refresher *r, const struct snapshot *s)
{
    return stamp_make(r->era_index, snapshot_version(s));
}

static void mark_everything(struct refresher *r, stamp s, const char *why)
{
    metric_add(&r->metrics.everything, 1);
    log_info("everything_marked", LOG_STR("why", why));
    cache_mark_all(r->cache, s);
    load_start(r);
}

static void mark_product(struct refresher *r, int64_t id, stamp s)
{
    struct slot *slot = cache_slot(r->cache, id, true);
    if (!slot) {
        /* A change that cannot be noted must not be lost: the whole catalogue takes its place. */
        mark_everything(r, s, "no memory for a slot");
        return;
    }
    cache_mark(r->cache, slot, s);
    refresher_want(r, slot, refresher_urgency(slot));
}

struct remark {
    struct refresher *r;
    stamp stamp;
    int64_t since_us;
    bool new_era;
};

/* A crash can take back what was committed and read a moment ago. */
static void remark_recent(struct slot *slot, void *context)
{
    struct remark *m = context;
    const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    if (e && e->published_us >= m->since_us) {
        cache_mark(m->r->cache, slot, m->stamp);
        refresher_want(m->r, slot, refresher_urgency(slot));
        if (m->new_era) {
            announce_remarked(m->r, slot->id);
        }
    }
}

static void apply(struct refresher *r, const struct changes *c)
{
    struct applied *a = malloc(sizeof *a);
    r->applied_late = !a || !snapshot_copy(&c->snapshot, &a->snapshot);
    if (r->applied_late) {
        free(a); /* the marks hold; the version moves with the next read */
        return;
    }
    a->stamp = stamp_of(r, &c->snapshot);
    a->era = r->era.number;
    cache_set_applied(r->cache, &a);
}

/* Marks, then applied, then proof: the order that readers rely on. */
static void take_changes(struct refresher *r, const struct changes *c, bool reconnected, bool moved)
{
    stamp s = stamp_of(r, &c->snapshot);
    if (c->everything) {
        mark_everything(r, s, "announced by the change log");
    }
    for (size_t i = 0; i < c->count && !c->everything; i++) {
        mark_product(r, c->ids[i], s);
    }
    if (reconnected) {
        /* Before the loss, not before now: Postgres may have been away for longer than that. */
        struct remark m = {.r = r,
                           .stamp = s,
                           .since_us = cache_proved_us(r->cache) - r->recent_us,
                           .new_era = announce_is_new_era(r)};
        cache_each(r->cache, remark_recent, &m);
    }
    if (c->canary) {
        canary_was_read(r, s);
    }
    metric_add(&r->metrics.changes, c->count);
    metric_add(&r->metrics.log_reads, 1);
    if (moved) {
        apply(r, c);
    }
    cache_set_proved(r->cache, c->sent_us);
    if (moved) {
        demand_announce(r->demand); /* a request may wait for this version, whatever changed in it */
        announce_changes(r, c);
    }
}

/* After a connection that worked the first attempt is made almost at once. */
static void feed_lost(struct refresher *r, const struct error *e)
{
    bool worked = metric_get(&r->metrics.connected) && !r->feed.fresh;
    int64_t fifth_ms = r->options.reconnect_max_ms / 5;
    int64_t pause_ms = worked ? refresher_jitter(r, fifth_ms) : fifth_ms + refresher_jitter(r, 4 * fifth_ms);
    metric_set(&r->metrics.connected, 0);
    metric_add(&r->losses, 1); /* the other connections will be no better */
    r->retry_us = clock_us() + pause_ms * 1000;
    /* Once a second is enough to say that Postgres is away. */
    if (e->code != ERROR_STOPPED && clock_us() - r->announced_us > 1000000) {
        r->announced_us = clock_us();
        log_warn("feed_lost", LOG_STR("error", e->text));
    }
}

/* One that works, but must be made anew: at once, and that says nothing of the other connections. */
static void renew_feed(struct refresher *r, const char *why)
{
    log_info("feed_renewed", LOG_STR("why", why));
    pg_close(&r->feed.pg);
    r->retry_us = clock_us();
}

static bool same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
    return a->xmin == b->xmin && a->xmax == b->xmax && a->running == b->running;
}

static void read_log(struct refresher *r)
{
    struct changes c;
    struct error e = {0};
    bool reconnected = r->feed.fresh && r->feed.last.xmax != 0;
    r->woken = false;
    struct snapshot before = {.xmin = r->feed.last.xmin, .xmax = r->feed.last.xmax, .running = r->feed.last.running};
    if (!feed_read(&r->feed, (size_t)r->options.change_set_limit, &c, &e)) {
        metric_add(&r->metrics.log_read_failures, 1);
        feed_lost(r, &e);
        return;
    }
    duty_log_read(r->duty, &c);
    r->next_read_us = duty_next_read_us(r->duty, r->options.poll_ms * 1000);
    if (c.less || snapshot_version(&c.snapshot) + (reconnected ? OVER_READ : 0) < snapshot_version(&before)) {
        /* A tick was lost, or versions ran backwards, which they never do within one life, nor further than the
         * over-read after a crash: this Postgres came back with less than was read from it. */
        r->era_index++;
        c.everything = true;
    }
    if ((before.xmax == 0 || c.everything) && !c.canary) {
        canary_drop(r); /* its row may be among those that were not asked for, or were too many */
    }
    bool moved = reconnected || r->applied_late || !same_snapshot(&before, &c.snapshot);
    take_changes(r, &c, reconnected, moved);
    if (c.restarted) {
        renew_feed(r, "its era is over");
    }
    changes_fini(&c);
}

/* A new life of Postgres: older versions refuse nothing any more. */
static void enter_era(struct refresher *r)
{
    const struct era *now = &r->feed.pg.era;
    bool first = r->era.number == 0;
    bool changed = r->era.number != now->number;
    bool other = !first && (r->era.system != now->system || r->era.timeline != now->timeline);
    if (changed) {
        r->era_index++;
        metric_add(&r->metrics.eras, 1);
        canary_drop(r);
    }
    r->era = *now;
    r->recent_us = changed ? LOST_US : RECENT_US;
    metric_set(&r->metrics.era, now->number);
    if (changed && !first && (r->load.running || r->load.ended_us >= cache_proved_us(r->cache) - LOST_US)) {
        /* A slice may have lacked what a crash has brought back, and what has no slot cannot be marked. */
        cache_mark_all(r->cache, cache_floor(r->cache));
        load_start(r);
    }
    if (other) {
        mark_everything(r, stamp_make(r->era_index, 0), "another cluster or timeline");
        snapshot_fini(&r->feed.last); /* its transaction numbers mean nothing here */
    }
    if (first) {
        load_start(r);
    }
}

static void connect_feed(struct refresher *r)
{
    struct error e = {0};
    if (!feed_open(&r->feed, &e)) {
        feed_lost(r, &e);
        return;
    }
    duty_listening(r->duty);
    r->life++;
    metric_set(&r->metrics.connected, 1);
    metric_add(&r->metrics.reconnects, r->life > 1);
    enter_era(r);
    log_info("feed_connected", LOG_INT("era", r->era.number), LOG_INT("life", r->life));
    read_log(r);
}

void follow_feed(struct refresher *r)
{
    if (!r->feed.pg.connection) {
        if (clock_us() >= r->retry_us) {
            connect_feed(r);
        }
        return;
    }
    struct heard heard;
    if (!feed_notifications(&r->feed, &heard)) {
        struct error e;
        error_set(&e, ERROR_POSTGRES, "Postgres (feed): the connection broke");
        feed_lost(r, &e);
        return;
    }
    int all = heard.changes + heard.own + heard.canaries;
    metric_add(&r->metrics.notifications, (uint64_t)all);
    if (all > 0) {
        /* Who still loads is left to load: it does not hear enough to go on duty. */
        duty_heard(r->duty, cache_was_complete(r->cache) ? (size_t)heard.changes : 0);
    } else if (duty_feed_is_deaf(r->duty, clock_us())) {
        metric_add(&r->metrics.deaf, 1);
        renew_feed(r, "it does not hear what is notified");
        return;
    }
    r->woken |= heard.changes + heard.own > 0 && !duty_is_on(r->duty);
    if ((r->woken && r->ids_fetches == 0) || clock_us() >= r->next_read_us) {
        read_log(r);
    } else if (r->woken) {
        /* What is found now would be fetched when the fetch under way is back. */
        int64_t latest_us = cache_proved_us(r->cache) + WOKEN_US;
        r->next_read_us = latest_us < r->next_read_us ? latest_us : r->next_read_us;
    }
}
