/* The refresher's loop and life. Below it: follow.c and supply.c, below these load.c, below all settle.c. */
#include "refresh/refresher_state.h"

#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- fetches out and in --------------------------------------------------------------------- */

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

static void send_fetches(struct refresher *r)
{
    int64_t now = clock_us();
    if (!r->feed.pg.connection || now < r->fetch_retry_us) {
        return;
    }
    supply_send(r);
    load_send(r);
    audit_step(r);
    if (!r->prune_under_way && now >= r->next_prune_us) {
        submit_prune(r);
    }
}
/* feed.prune() takes at most so many rows at once. */
enum { PRUNED_AT_ONCE = 100000 };

static void prune_done(struct refresher *r, const struct fetch *f)
{
    r->prune_under_way = false;
    if (f->ok) {
        metric_add(&r->metrics.pruned, (uint64_t)f->pruned);
        r->next_prune_us = f->pruned < PRUNED_AT_ONCE ? r->next_prune_us : clock_us();
    }
}

static void take_done(struct refresher *r)
{
    uint64_t count;
    ssize_t ignored = read(fetch_done_fd(r->pool), &count, sizeof count);
    (void)ignored;
    for (struct fetch *f; (f = fetch_take_done(r->pool)); fetch_free(&f)) {
        if (!f->ok) {
            refresher_fetch_failed(r, f);
        }
        switch (f->kind) {
        case FETCH_IDS:
            supply_take_done(r, f);
            break;
        case FETCH_SLICE:
            load_take_done(r, f);
            break;
        case FETCH_RANGE_DIGEST:
        case FETCH_PRODUCT_DIGESTS:
        case FETCH_ROW_COUNTS:
            audit_take_done(r, f);
            break;
        case FETCH_LOG:
            resume_take_done(r, f);
            break;
        default:
            prune_done(r, f);
        }
    }
}

/* ---- demand, housekeeping, the loop --------------------------------------------------------- */

static void take_wish(int64_t id, void *context)
{
    struct refresher *r = context;
    struct slot *slot = cache_slot(r->cache, id, true);
    if (slot && refresher_is_stale(r, slot)) {
        metric_add(&r->metrics.read_throughs, slot->queue != URGENCY_WAITED);
        atomic_store_explicit(&slot->read, 1, memory_order_relaxed);
        refresher_want(r, slot, URGENCY_WAITED);
    }
}

/* Slots that say "no such product" are forgotten, but never while a slice or digests are under way: it may have
 * read the product before it was deleted, and only the slot knows better. Nor while the feed is lost: a crash may have
 * taken the deletion back, and what is not there cannot be marked. And by the age at the last proof, not now: this
 * thread may have stood still since, and Postgres may have crashed. */
static void forget_absent(struct refresher *r)
{
    struct slot *slot;
    bool wait = r->load.under_way > 0 || audit_needs_slots(r) || !r->feed.pg.connection;
    while (!wait && (slot = r->set.head[URGENCY_ABSENT])) {
        const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
        if (cache_proved_us(r->cache) - e->published_us < ABSENT_MS * INT64_C(1000)) {
            return;
        }
        change_set_drop(&r->set, slot);
        if (!slot->fetching) { /* else it is looked at again when the fetch is back */
            cache_forget(r->cache, slot);
        }
    }
}

static void keep_house(struct refresher *r)
{
    int64_t now = clock_us();
    if (now < r->next_reclaim_us) {
        return;
    }
    r->next_reclaim_us = now + RECLAIM_MS * 1000;
    metric_set(&r->metrics.backlog, change_set_backlog(&r->set) + r->ids_fetching);
    forget_absent(r);
    room_keep(r, now);
    canary_keep(r);
    load_report(r);
    if (cache_was_complete(r->cache) && !cache_is_complete(r->cache) && !r->load.running) {
        load_start(r); /* publishing ran out of memory */
    }
    cache_reclaim(r->cache);
}

static void wait_for_work(struct refresher *r)
{
    int64_t now = clock_us();
    bool connected = r->feed.pg.connection != NULL;
    int64_t next = connected ? r->next_read_us : r->retry_us;
    next = r->next_reclaim_us < next ? r->next_reclaim_us : next;
    if (change_set_backlog(&r->set) > 0 && r->ids_fetches == 0 && r->fetch_retry_us > now && r->fetch_retry_us < next) {
        next = r->fetch_retry_us;
    }
    if (r->load.todo_count > 0 && r->load.retry_us > now && r->load.retry_us < next) {
        next = r->load.retry_us;
    }
    int64_t left_us = next > now ? next - now : 0;
    struct timespec limit = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
    struct pollfd fds[] = {{.fd = r->stop_fd, .events = POLLIN},
                           {.fd = demand_fd(r->demand), .events = POLLIN},
                           {.fd = fetch_done_fd(r->pool), .events = POLLIN},
                           {.fd = events_fd(r->cache), .events = POLLIN},
                           {.fd = connected ? PQsocket(r->feed.pg.connection) : -1, .events = POLLIN}};
    ppoll(fds, sizeof fds / sizeof *fds, &limit, NULL);
}

static bool is_stopping(const struct refresher *r)
{
    struct pollfd fd = {.fd = r->stop_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

void refresher_step(struct refresher *r)
{
    take_done(r);
    follow_feed(r);
    announce_step(r);
    resume_step(r);
    demand_take(r->demand, take_wish, r);
    send_fetches(r);
    keep_house(r);
}

static void *refresher_main(void *context)
{
    struct refresher *r = context;
    pthread_setname_np(pthread_self(), "refresh");
    while (!is_stopping(r)) {
        refresher_step(r);
        wait_for_work(r);
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool start_pool(struct refresher *r, struct error *e)
{
    struct fetch_options options = {.pg = r->pg,
                                    .threads = (size_t)r->options.fetchers,
                                    .document_max = (size_t)r->options.document_max,
                                    .loads_at_once = r->options.loads_at_once};
    return fetch_pool_new(&r->pool, &options, e);
}

bool refresher_new(struct refresher **out, const struct refresher_options *options, struct cache *cache,
                   struct demand *demand, struct error *e)
{
    struct refresher *r = calloc(1, sizeof *r);
    if (!r) {
        return error_set(e, ERROR_SYSTEM, "no memory for the refresher");
    }
    r->options = *options;
    r->cache = cache;
    r->demand = demand;
    r->room.base = cache_memory(cache);
    r->random = (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32;
    r->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->stop_fd < 0) {
        free(r);
        return error_errno(e, "eventfd");
    }
    r->pg = (struct pg_options){.open = &r->metrics.connections,
                                .losses = &r->losses,
                                .conninfo = options->conninfo,
                                .replica = options->replica,
                                .stop_fd = r->stop_fd,
                                .connect_timeout_ms = options->connect_timeout_ms,
                                .statement_timeout_ms = options->statement_timeout_ms};
    canary_init(r);
    recent_init(&r->recent);
    r->feed.pg = (struct pg){.options = &r->pg, .purpose = "feed", .brief = true};
    struct duty_options duty = {.pg = &r->pg,
                                .metrics = &r->metrics,
                                .reconnect_max_ms = options->reconnect_max_ms,
                                .from_per_second = options->duty_from_per_second,
                                .heartbeat_ms = options->heartbeat_ms,
                                .canary = &r->canary,
                                .canary_ms = options->canary_ms};
    if (!duty_new(&r->duty, &duty, e)) {
        refresher_free(&r);
        return false;
    }
    *out = r;
    return true;
}

bool refresher_start(struct refresher *r, struct error *e)
{
    if (!start_pool(r, e) || !duty_start(r->duty, e)) {
        return false;
    }
    int failed = pthread_create(&r->thread, NULL, refresher_main, r);
    if (failed) {
        return error_set(e, ERROR_SYSTEM, "cannot start the refresher's thread: %s", strerror(failed));
    }
    r->started = true;
    return true;
}

void refresher_free(struct refresher **refresher)
{
    struct refresher *r = *refresher;
    if (!r) {
        return;
    }
    uint64_t one = 1;
    ssize_t ignored = write(r->stop_fd, &one, sizeof one);
    (void)ignored;
    if (r->started) {
        pthread_join(r->thread, NULL);
    }
    fetch_pool_free(&r->pool);
    duty_free(&r->duty);
    audit_fini(&r->audit);
    announce_fini(&r->announce);
    feed_fini(&r->feed);
    close(r->stop_fd);
    free(r);
    *refresher = NULL;
}

const struct refresh_metrics *refresher_metrics(const struct refresher *r)
{
    return &r->metrics;
}

size_t refresher_recent(const struct refresher *r, struct recent_change out[RECENT_MAX])
{
    return recent_copy(&((struct refresher *)(uintptr_t)r)->recent, out);
}
