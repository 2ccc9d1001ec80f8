#include "refresh/duty.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/duty_pace.h"
#include "refresh/duty_sql.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LOOK_MS = 10,      /* how often the thread looks for itself while on duty */
    IDLE_MS = 50,      /* … and otherwise */
    READ_MS = 1000,    /* without a log read, after which duty ends */
    QUIET_MS = 5000,   /* of little to do, after which duty ends */
    QUIET_BELOW = 100, /* batches a second at most: a slow network allows no more */
    LEAVE_MS = 10000,  /* for the transactions that were kept silent to end; those that last longer are polled for */
    ANNOUNCE_MS = 10000,
    DEAF_DOUBLINGS = 7, /* of the time that makes a feed deaf: a minute */
    QUEUE_MS = 5000,    /* how often Postgres is asked for the queue of notifications */
};

struct duty {
    /* fixed */
    struct duty_options options;
    int wake_fd;
    pthread_t thread;
    bool started;

    /* shared: written by the thread */
    _Atomic bool on_duty;
    _Atomic int64_t unheard_us; /* when a notification was sent that had not been heard when the next one was */

    /* shared: written by the refresher; reads_us last of a read's, so that whoever sees it sees the others */
    _Atomic bool wanted; /* cleared by the thread */
    _Atomic uint64_t heard, found, xmin;
    _Atomic int64_t heard_us, read_us;

    /* owned by the refresher */
    struct pace pace;
    int lives; /* of the feed's connection in which nothing was heard, the present one too */

    /* owned by the thread */
    struct pg pg;
    struct rate writers, batches;
    bool worked; /* the newest connection was made */
    int64_t notified_us, busy_us, beat_us, announced_us;
    bool has_canary;
    int64_t next_canary_us, next_queue_us;
    uint64_t random;
};

/* ---- the refresher's side ------------------------------------------------------------------- */

static void begin_silence(struct duty *d)
{
    d->pace.heard_us = clock_us();
    atomic_store(&d->heard_us, d->pace.heard_us);
}

void duty_listening(struct duty *d)
{
    begin_silence(d);
    d->lives++;
}

void duty_heard(struct duty *d, size_t notifications)
{
    begin_silence(d);
    d->lives = 0;
    atomic_fetch_add(&d->heard, notifications);
}

void duty_log_read(struct duty *d, const struct changes *c)
{
    bool found = c->count > 0 || c->everything;
    d->pace.sent_us = c->sent_us;
    d->pace.took_us = clock_us() - c->sent_us;
    d->pace.found_us = found ? c->sent_us : d->pace.found_us;
    d->pace.silent = c->silent;
    d->pace.on_duty = atomic_load(&d->on_duty);
    metric_set(&d->options.metrics->duty_silent, c->silent);
    atomic_fetch_add(&d->found, found);
    if ((found || c->canaries) && d->pace.on_duty) {
        uint64_t one = 1;
        atomic_store(&d->wanted, true);
        ssize_t ignored = write(d->wake_fd, &one, sizeof one);
        (void)ignored;
    }
    /* After `wanted`: who knows of this read knows of its finds. */
    atomic_store(&d->xmin, c->snapshot.xmin);
    atomic_store(&d->read_us, c->sent_us);
}

int64_t duty_next_read_us(const struct duty *d, int64_t poll_us)
{
    return pace_next_read_us(&d->pace, poll_us);
}

bool duty_is_on(const struct duty *d)
{
    return atomic_load(&d->on_duty);
}

/* Behind a pooler that passes no notifications on no connection will be better: it is tried ever more rarely. */
bool duty_feed_is_deaf(const struct duty *d, int64_t now_us)
{
    int64_t unheard_us = atomic_load(&d->unheard_us);
    int doublings = d->lives > 1 ? d->lives - 1 : 0;
    int64_t limit_us = 2000 * d->options.heartbeat_ms << (doublings < DEAF_DOUBLINGS ? doublings : DEAF_DOUBLINGS);
    return unheard_us > d->pace.heard_us && now_us - unheard_us > limit_us;
}

/* ---- the thread: waiting and asking --------------------------------------------------------- */

static int64_t jitter(struct duty *d, int64_t upto)
{
    d->random = d->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return upto > 0 ? (int64_t)((d->random >> 33) % (uint64_t)upto) : 0;
}

/* Until woken, or `until_us`; false: stop. */
static bool pause_until(struct duty *d, int64_t until_us)
{
    int64_t left_ms = (until_us - clock_us() + 999) / 1000;
    struct pollfd fds[] = {{.fd = d->options.pg->stop_fd, .events = POLLIN}, {.fd = d->wake_fd, .events = POLLIN}};
    poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);
    uint64_t count;
    ssize_t ignored = read(d->wake_fd, &count, sizeof count);
    (void)ignored;
    return !fds[0].revents;
}

/* The first column of the answer, as text. */
static bool ask(struct duty *d, const char *sql, char *out, size_t size, struct error *e)
{
    PGresult *result;
    if (!pg_query(&d->pg, sql, &result, e)) {
        return false;
    }
    snprintf(out, size, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return true;
}

static bool run(struct duty *d, const char *sql, struct error *e)
{
    char ignored[8];
    return ask(d, sql, ignored, sizeof ignored, e);
}

/* The oldest that was sent and not heard is kept in mind. */
static bool notify(struct duty *d, metric *counter, struct error *e)
{
    int64_t sent_us = clock_us();
    PGresult *result;
    if (!pg_execute(&d->pg, "notify", NULL, 0, false, &result, e)) {
        return false;
    }
    PQclear(result);
    d->notified_us = sent_us;
    metric_add(counter, 1);
    if (atomic_load(&d->unheard_us) <= atomic_load(&d->heard_us)) {
        atomic_store(&d->unheard_us, sent_us);
    }
    return true;
}

/* Now and then, at uneven times, so that the canaries' meet the polls anywhere. */
static bool send_canary(struct duty *d, struct error *e)
{
    int64_t now = clock_us();
    int64_t id;
    if (!d->has_canary || now < d->next_canary_us || !canary_begin(d->options.canary, &id)) {
        return true;
    }
    int64_t every_us = d->options.canary_ms * 1000;
    d->next_canary_us = now + every_us * 7 / 8 + jitter(d, every_us / 4);
    char text[24];
    const char *parameter = text;
    PGresult *result;
    snprintf(text, sizeof text, "%" PRId64, id);
    bool ok = pg_execute(&d->pg, "canary", &parameter, 1, false, &result, e);
    canary_sent(d->options.canary, ok);
    if (ok) {
        PQclear(result);
    }
    return ok;
}

static bool watch_queue(struct duty *d, struct error *e)
{
    char ppm[24];
    int64_t now = clock_us();
    if (now < d->next_queue_us) {
        return true;
    }
    d->next_queue_us = now + QUEUE_MS * 1000;
    if (!ask(d, DUTY_QUEUE, ppm, sizeof ppm, e)) {
        return false;
    }
    metric_set(&d->options.metrics->notify_queue_ppm, strtoull(ppm, NULL, 10));
    return true;
}

static bool take_measures(struct duty *d, struct error *e)
{
    return send_canary(d, e) && watch_queue(d, e);
}

/* ---- the thread: a term of duty ------------------------------------------------------------- */

/* One round: tells the others what the refresher found, or that it goes on reading. Who does not read says nothing. */
static bool pass_on(struct duty *d, struct error *e)
{
    if (!pause_until(d, clock_us() + LOOK_MS * 1000)) {
        return error_set(e, ERROR_STOPPED, "stopping");
    }
    if (!pg_is_open(&d->pg)) {
        return error_set(e, ERROR_POSTGRES, "another connection broke while on duty");
    }
    if (!take_measures(d, e)) {
        return false;
    }
    int64_t now = clock_us();
    int64_t read_us = atomic_load(&d->read_us);
    bool sign = now - d->notified_us >= SIGN_US && read_us > d->notified_us;
    if (atomic_exchange(&d->wanted, false) || sign) {
        return notify(d, &d->options.metrics->duty_notifications, e);
    }
    return now - read_us < READ_MS * 1000 ||
           error_set(e, ERROR_UNREACHABLE, "the log was not read for %d ms while on duty", READ_MS);
}

/* Until a read that was sent after `since_us` was made in a snapshot with xmin > xid, and passed on. */
static bool pass_on_until(struct duty *d, int64_t since_us, uint64_t xid, int64_t deadline_us, struct error *e)
{
    bool made = false;
    while (!made && clock_us() < deadline_us) {
        made = atomic_load(&d->read_us) >= since_us && atomic_load(&d->xmin) > xid;
        if (!pass_on(d, e)) { /* once more when it was made: it may have found something */
            return false;
        }
    }
    return true;
}

static bool is_quiet(struct duty *d)
{
    int64_t now = clock_us();
    int64_t half = (d->options.from_per_second + 1) / 2;
    int64_t enough = half < QUIET_BELOW ? half : QUIET_BELOW;
    int64_t batches = rate_sample(&d->batches, atomic_load(&d->found), now);
    d->busy_us = batches >= enough ? now : d->busy_us;
    return now - d->busy_us > QUIET_MS * 1000;
}

/* First the reading, then the silence: nobody is silent for whom nobody reads. */
static bool go_on_duty(struct duty *d, struct error *e)
{
    int64_t now = clock_us();
    atomic_store(&d->wanted, false);
    atomic_store(&d->on_duty, true);
    d->busy_us = now;
    d->batches = (struct rate){0};
    return pass_on_until(d, now, 0, INT64_MAX, e) && run(d, DUTY_SILENCE, e);
}

/* A transaction that was kept silent has had its xid since before DUTY_SPEAK, so it is below the bound; and it has
 * ended, and was read, once a read's xmin is above the bound. One that is open for longer than LEAVE_MS is found by
 * every replica's own polling. */
static bool go_off_duty(struct duty *d, struct error *e)
{
    char bound[24];
    if (!run(d, DUTY_SPEAK, e) || !ask(d, DUTY_BOUND, bound, sizeof bound, e)) {
        return false;
    }
    int64_t now = clock_us();
    return pass_on_until(d, now, strtoull(bound, NULL, 10), now + LEAVE_MS * 1000, e) && run(d, DUTY_RESIGN, e);
}

static bool serve_term(struct duty *d, struct error *e)
{
    struct refresh_metrics *m = d->options.metrics;
    int64_t begun_us = clock_us();
    metric_add(&m->duty_terms, 1);
    metric_set(&m->duty_on, 1);
    log_info("duty_begins");
    bool ok = go_on_duty(d, e);
    while (ok && !is_quiet(d)) {
        ok = pass_on(d, e);
    }
    ok = ok && go_off_duty(d, e);
    atomic_store(&d->on_duty, false);
    d->writers = (struct rate){0}; /* what was heard meanwhile came from here */
    metric_set(&m->duty_on, 0);
    log_info("duty_ends", LOG_INT("ms", (clock_us() - begun_us) / 1000), LOG_STR("why", ok ? "quiet" : e->text));
    return ok;
}

/* ---- the thread: between terms -------------------------------------------------------------- */

/* None in a schema that lacks them: an old one, or this one reverted. */
static bool prepare_canary(struct duty *d, struct error *e)
{
    char has[8];
    if (d->options.canary_ms == 0) {
        return true;
    }
    if (!ask(d, DUTY_HAS_CANARY, has, sizeof has, e)) {
        return false;
    }
    d->has_canary = *has == 't';
    return !d->has_canary || pg_prepare(&d->pg, "canary", DUTY_CANARY, e);
}

static bool open_session(struct duty *d, struct error *e)
{
    if (pg_is_open(&d->pg)) {
        return pg_nudge(&d->pg, e);
    }
    d->worked = pg_open(&d->pg, e) && run(d, DUTY_SESSION, e) && pg_prepare(&d->pg, "notify", DUTY_NOTIFY, e) &&
                prepare_canary(d, e);
    return d->worked;
}

/* After so much silence; 0: never. One replica's heartbeat is heard by all, so the jitter leaves it to the first. */
static bool beat(struct duty *d, struct error *e)
{
    int64_t heartbeat_us = d->options.heartbeat_ms * 1000;
    int64_t heard_us = atomic_load(&d->heard_us);
    int64_t last_us = heard_us > d->notified_us ? heard_us : d->notified_us;
    if (heartbeat_us == 0 || clock_us() < last_us + heartbeat_us + d->beat_us) {
        return true;
    }
    d->beat_us = jitter(d, heartbeat_us / 4);
    return notify(d, &d->options.metrics->heartbeats, e);
}

static bool volunteer(struct duty *d, struct error *e)
{
    char elected[8];
    int64_t from = d->options.from_per_second;
    if (from == 0 || rate_sample(&d->writers, atomic_load(&d->heard), clock_us()) < from) {
        return true;
    }
    return ask(d, DUTY_ELECT, elected, sizeof elected, e) && (*elected != 't' || serve_term(d, e));
}

/* How long to wait before it is tried again, µs. Postgres away is the feed's news: this is said now and then. */
static int64_t duty_lost(struct duty *d, const struct error *e)
{
    int64_t now = clock_us();
    int64_t fifth_ms = d->options.reconnect_max_ms / 5;
    int64_t pause_ms = d->worked ? jitter(d, fifth_ms) : fifth_ms + jitter(d, 4 * fifth_ms);
    pg_close(&d->pg);
    if (e->code != ERROR_STOPPED && now - d->announced_us > ANNOUNCE_MS * 1000) {
        d->announced_us = now;
        log_warn("duty_lost", LOG_STR("error", e->text));
    }
    return pause_ms * 1000;
}

static void *duty_main(void *context)
{
    struct duty *d = context;
    int64_t pause_us = 0;
    pthread_setname_np(pthread_self(), "duty");
    while (pause_until(d, clock_us() + pause_us)) {
        struct error e = {0};
        bool ok = open_session(d, &e) && beat(d, &e) && take_measures(d, &e) && volunteer(d, &e);
        pause_us = IDLE_MS * 1000;
        if (!ok) {
            pause_us = duty_lost(d, &e);
        }
    }
    pg_close(&d->pg);
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

bool duty_new(struct duty **out, const struct duty_options *options, struct error *e)
{
    struct duty *d = calloc(1, sizeof *d);
    if (!d) {
        return error_set(e, ERROR_SYSTEM, "no memory for duty");
    }
    d->options = *options;
    d->random = (uint64_t)clock_wall_us() ^ (uint64_t)getpid() << 32;
    d->pg = (struct pg){.options = options->pg, .purpose = "duty"};
    d->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wake_fd < 0) {
        free(d);
        return error_errno(e, "eventfd");
    }
    *out = d;
    return true;
}

bool duty_start(struct duty *d, struct error *e)
{
    int failed = pthread_create(&d->thread, NULL, duty_main, d);
    if (failed) {
        return error_set(e, ERROR_SYSTEM, "cannot start the thread for duty: %s", strerror(failed));
    }
    d->started = true;
    return true;
}

void duty_free(struct duty **duty)
{
    struct duty *d = *duty;
    if (!d) {
        return;
    }
    if (d->started) {
        pthread_join(d->thread, NULL);
    }
    close(d->wake_fd);
    free(d);
    *duty = NULL;
}
