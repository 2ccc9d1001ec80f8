/* refresh/pg.h and what change_feed.c uses of libpq, answered by the model. A connection can be gone for a while before
 * anybody notices. */
#include "simulation/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pg_conn {
    uint32_t boot; /* of the life that it leads to; 0: the backend was terminated */
    bool listening, has_read;
    int notified, arrived;
};

struct pg_result {
    int rows;
    char snapshot[SNAPSHOT_TEXT];
    char horizon[24], started[24], newest_tick[24], has_tick[2], silent[2];
    char ids[2 * (CHANGE_SET_MAX + 1)][24]; /* of each part of the statement, at most one over the limit */
};

static struct pg_conn *feed; /* there is one connection at most: the fetchers have their own (fetchers.c) */
static uint32_t read_boot;   /* the life that the log was last read in */

void connection_reset(void)
{
    feed = NULL;
    read_boot = 0;
}

static bool is_alive(const struct pg_conn *c)
{
    return c->boot == world.model.boot && world.model.up;
}

bool connection_is_cut(void)
{
    return feed && !is_alive(feed);
}

/* ---- notifications -------------------------------------------------------------------------- */

void connection_committed(bool notifies)
{
    if (feed && is_alive(feed)) {
        seen_count[SEEN_COMMIT_BEFORE_LISTEN] += !feed->has_read;
        feed->notified += feed->listening && notifies;
    }
}

bool connection_deliver(void)
{
    if (!feed || !feed->notified || !world.reachable) {
        return false;
    }
    feed->arrived += feed->notified;
    feed->notified = 0;
    say("notifications arrive");
    return true;
}

bool connection_lose(void)
{
    if (!feed || !feed->notified) {
        return false;
    }
    feed->notified = 0;
    say("notifications are lost");
    seen(SEEN_NOTIFICATION_LOST);
    return true;
}

bool connection_kill(void)
{
    if (!feed || !is_alive(feed)) {
        return false;
    }
    feed->boot = 0;
    say("the feed's backend is terminated");
    return true;
}

/* ---- refresh/pg.h --------------------------------------------------------------------------- */

static bool lose(struct pg *pg, struct error *e, const char *why)
{
    say("  the refresher: %s", why);
    pg_close(pg);
    return error_set(e, ERROR_POSTGRES, "Postgres (%s): %s", pg->purpose, why);
}

/* Something is on its way; false: the time that it may take has passed. */
static bool travel(int64_t limit_us)
{
    int64_t deadline = world.now_us + limit_us;
    schedule_meanwhile();
    while (!world.reachable && world.now_us < deadline) {
        world_pass(limit_us / 4);
        schedule_meanwhile();
    }
    return world.reachable;
}

bool pg_open(struct pg *pg, struct error *e)
{
    if (pg->connection) {
        return true;
    }
    bool there = travel(pg->options->connect_timeout_ms * 1000);
    if (!there || !world.model.up || (!world.calm && one_in(20))) {
        return error_set(e, ERROR_POSTGRES, "cannot connect");
    }
    world.busy++;
    feed = calloc(1, sizeof *feed);
    world.busy--;
    feed->boot = world.model.boot;
    pg->connection = feed;
    metric_add(pg->options->open, 1);
    pg->era =
        (struct era){.number = model_era(&world.model), .system = world.model.system, .timeline = world.model.timeline};
    pg->started_us = (int64_t)pg->era.number;
    say("  the feed is connected, era %" PRIu64, pg->era.number);
    return true;
}

void pg_close(struct pg *pg)
{
    if (pg->connection) {
        world.busy++;
        free(pg->connection);
        world.busy--;
        pg->connection = NULL;
        feed = NULL;
        metric_add(pg->options->open, UINT64_MAX);
    }
}

static struct pg_result *result_new(void)
{
    world.busy++;
    struct pg_result *result = calloc(1, sizeof *result);
    world.busy--;
    return result;
}

bool pg_query(struct pg *pg, const char *sql, PGresult **out, struct error *e)
{
    struct pg_conn *c = pg->connection;
    if (!travel((pg->options->statement_timeout_ms + 1000) * 1000) || !is_alive(c)) {
        return lose(pg, e, "the connection broke");
    }
    c->listening = strstr(sql, "LISTEN atelier_changes") != NULL;
    *out = result_new();
    return true;
}

/* The model answers one statement, this one. */
bool pg_prepare(struct pg *pg, const char *name, const char *sql, struct error *e)
{
    static const char *const parts[] = {
        "pg_current_snapshot()::text, h.xid::text, ",
        " (SELECT max(at)::text FROM feed.ticks), $5::timestamptz IS NULL OR EXISTS (SELECT FROM feed.ticks WHERE at = "
        "$5)",
        " FROM (SELECT DISTINCT product_id FROM feed.change_log"
        " WHERE xid >= ($1::bigint + $4::bigint)::text::xid8 AND xid < pg_snapshot_xmax(pg_current_snapshot())",
        ") many LIMIT $3::bigint)",
        " WHERE xid = ANY (ARRAY(SELECT x FROM (SELECT unnest($2::xid8[]) UNION ALL SELECT n::text::xid8"
        " FROM generate_series($1::bigint, least($1::bigint + $4::bigint, ",
        " WHERE CASE WHEN pg_visible_in_snapshot(x, pg_current_snapshot())"
        " THEN pg_xact_status(x) IS DISTINCT FROM 'aborted' END)) LIMIT $3::bigint)"};
    (void)e;
    ENSURE(pg->connection && strcmp(name, "read") == 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(sql, parts[i])) {
            broken("the log is read by another statement than the model answers; it has no: %s", parts[i]);
        }
    }
    return true;
}

static bool is_named(const char *xids, uint64_t xid)
{
    char *end;
    for (const char *at = xids + 1; *at && *at != '}'; at = *end == ',' ? end + 1 : end) {
        if (strtoull(at, &end, 10) == xid) {
            return true;
        }
    }
    return false;
}

/* Whether only over-reading finds the row: S0 says of its xid that it had ended, but that was another transaction. */
static bool is_of_a_reused_xid(uint64_t xid, const char *running)
{
    const struct change_feed *asking = &world.refresher->feed;
    for (size_t i = world.model.commit_count; i-- > 0 && xid < asking->last.xmax && !is_named(running, xid);) {
        const struct commit *c = &world.model.commits[i];
        if (c->xid == xid && !c->lost) {
            return c->boot > read_boot;
        }
    }
    return false;
}

static void note_read(bool late, bool over, bool limited)
{
    const struct change_feed *asking = &world.refresher->feed;
    seen_count[SEEN_LATE_COMMIT] += late;
    seen_count[SEEN_OVER_READ_NEEDED] += over;
    seen_count[SEEN_OVER_LIMIT] += limited;
    seen_count[SEEN_BELOW_HORIZON] += asking->last.xmax && asking->last.xmin < world.model.now.horizon;
    read_boot = world.model.boot;
}

static void add_row(struct pg_result *result, int64_t id)
{
    snprintf(result->ids[result->rows++ - 1], sizeof *result->ids, "%" PRId64, id);
}

/* The statement's parameters. */
struct asked {
    uint64_t from, singly;
    const char *running;
    int limit;
    int64_t tick; /* 0: none */
};

static struct asked asked_by(const char *const *parameters)
{
    struct asked a = {.from = strtoull(parameters[0], NULL, 10),
                      .running = parameters[1],
                      .limit = atoi(parameters[2]),
                      .singly = strtoull(parameters[3], NULL, 10),
                      .tick = parameters[4] ? strtoll(parameters[4], NULL, 10) : 0};
    return a;
}

/* The row of the snapshot, and of what else is asked of Postgres. */
static void add_first(struct pg_result *result, int64_t tick)
{
    const struct image *now = &world.model.now;
    model_snapshot(&world.model, result->snapshot);
    snprintf(result->horizon, sizeof result->horizon, "%" PRIu64, now->horizon);
    snprintf(result->started, sizeof result->started, "%" PRIu64, model_era(&world.model));
    *result->newest_tick = '\0';
    *result->has_tick = tick ? 'f' : 't';
    for (size_t i = 0; i < now->tick_count; i++) {
        snprintf(result->newest_tick, sizeof result->newest_tick, "%" PRId64, now->ticks[i].us);
        *result->has_tick = now->ticks[i].us == tick ? 't' : *result->has_tick;
    }
    result->rows = 1;
}

/* Two parts. What is visible of the log is what is committed, so no part has to ask for what has ended. */
static struct pg_result *read_log(const struct asked *a)
{
    const struct image *now = &world.model.now;
    struct pg_result *result = result_new();
    bool over = false;
    add_first(result, a->tick);
    for (size_t i = 0; i < now->log_count && result->rows <= a->limit; i++) {
        uint64_t xid = now->log[i].xid;
        if (xid >= a->from + a->singly) {
            over |= is_of_a_reused_xid(xid, a->running);
            add_row(result, now->log[i].id);
        }
    }
    int first = result->rows;
    bool late = false;
    for (size_t i = 0; i < now->log_count && result->rows < first + a->limit; i++) {
        uint64_t xid = now->log[i].xid;
        bool ran = is_named(a->running, xid);
        if (ran || (xid >= a->from && xid < a->from + a->singly)) {
            add_row(result, now->log[i].id);
            late |= ran;
        }
    }
    note_read(late, over, first > a->limit || result->rows - first >= a->limit);
    say("  the log is read from %" PRIu64 " and %s: %d rows, snapshot %s, horizon %s, tick %s (%s)", a->from,
        a->running, result->rows - 1, result->snapshot, result->horizon, result->newest_tick, result->has_tick);
    return result;
}

bool pg_execute(struct pg *pg, const char *prepared, const char *const *parameters, int count, bool binary,
                PGresult **out, struct error *e)
{
    struct pg_conn *c = pg->connection;
    ENSURE(strcmp(prepared, "read") == 0 && count == 5 && !binary);
    if (!travel((pg->options->statement_timeout_ms + 1000) * 1000)) {
        seen(SEEN_HALF_OPEN);
        return lose(pg, e, "no answer in time");
    }
    if (!is_alive(c)) {
        return lose(pg, e, "the connection broke");
    }
    world.busy++;
    struct asked a = asked_by(parameters);
    *out = read_log(&a);
    world.busy--;
    c->has_read = true;
    schedule_meanwhile();
    if ((!is_alive(c) && one_in(2)) || (!world.calm && one_in(50))) {
        PQclear(*out);
        return lose(pg, e, "the answer was lost");
    }
    return true;
}

/* ---- libpq ---------------------------------------------------------------------------------- */

int PQsocket(const PGconn *c)
{
    (void)c;
    return -1;
}

int PQconsumeInput(PGconn *c)
{
    return is_alive(c) || !world.reachable || one_in(2);
}

PGnotify *PQnotifies(PGconn *c)
{
    static char no_payload[] = "";
    static PGnotify notification = {.extra = no_payload};
    return c->arrived > 0 ? c->arrived--, &notification : NULL;
}

void PQfreemem(void *at)
{
    (void)at; /* a notification: not of the heap */
}

void PQclear(PGresult *result)
{
    world.busy++;
    free(result);
    world.busy--;
}

int PQntuples(const PGresult *result)
{
    return result->rows;
}

/* Row 0 has what add_first filled; the others have a product. */
int PQgetisnull(const PGresult *result, int row, int column)
{
    (void)result;
    return (row == 0) == (column == 0);
}

char *PQgetvalue(const PGresult *result, int row, int column)
{
    struct pg_result *r = (struct pg_result *)(uintptr_t)result;
    char *const first[] = {NULL, r->snapshot, r->horizon, r->silent, r->started, r->newest_tick, r->has_tick};
    return row > 0 ? r->ids[row - 1] : first[column];
}

int PQgetlength(const PGresult *result, int row, int column)
{
    return (int)strlen(PQgetvalue(result, row, column));
}
