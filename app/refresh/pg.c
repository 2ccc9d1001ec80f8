#include "refresh/pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Microseconds of Postgres's own epoch (2000) would do as well; 1970's make the number readable. */
uint64_t era_number(uint64_t system, uint32_t timeline, int64_t started_us)
{
    /* Milliseconds in front, so that a later life is a larger number; 16 bits tell clusters and timelines apart that
     * started in the same millisecond. */
    uint64_t mixed = (system ^ (uint64_t)timeline << 32) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint64_t)(started_us / 1000) << 16 | mixed >> 48;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static bool fail(struct pg *pg, struct error *e, const char *what)
{
    const char *said = pg->connection ? PQerrorMessage(pg->connection) : "";
    size_t len = strcspn(said, "\n");
    error_set(e, ERROR_POSTGRES, "Postgres (%s): %s%s%.*s", pg->purpose, what, len ? ": " : "", (int)len, said);
    pg_close(pg);
    return false;
}

/* Looked at so often while waiting: whether another connection broke, and whether the other side is still there. */
enum { TICK_MS = 100 };

static uint64_t losses(const struct pg *pg)
{
    return pg->options->losses ? metric_get(pg->options->losses) : 0;
}

static bool is_outdated(const struct pg *pg)
{
    return losses(pg) != pg->losses;
}

/* What is outdated already says nothing about those made since. */
static bool broke(struct pg *pg, struct error *e)
{
    if (pg->options->losses && !is_outdated(pg)) {
        metric_add(pg->options->losses, 1);
    }
    return fail(pg, e, "the connection broke");
}

bool pg_nudge(struct pg *pg, struct error *e)
{
    return (PQsendFlushRequest(pg->connection) && PQflush(pg->connection) >= 0) || broke(pg, e);
}

/* Waits until the socket is ready for `events`. */
static bool wait_for(struct pg *pg, short events, int64_t deadline_us, struct error *e)
{
    for (;;) {
        int64_t left_ms = (deadline_us - clock_us() + 999) / 1000;
        if (left_ms <= 0) {
            error_set(e, ERROR_UNREACHABLE, "Postgres (%s) did not answer in time", pg->purpose);
            break;
        }
        struct pollfd fds[2] = {{.fd = PQsocket(pg->connection), .events = events},
                                {.fd = pg->options->stop_fd, .events = POLLIN}};
        int ready = poll(fds, 2, (int)(left_ms < TICK_MS ? left_ms : TICK_MS));
        if (ready < 0 && errno != EINTR) {
            error_errno(e, "poll");
            break;
        }
        if (ready > 0 && fds[1].revents) {
            error_set(e, ERROR_STOPPED, "stopping");
            break;
        }
        if (ready > 0 && fds[0].revents) {
            return true;
        }
        if (is_outdated(pg)) {
            error_set(e, ERROR_POSTGRES, "Postgres (%s): given up, because another connection broke", pg->purpose);
            break;
        }
        /* While a statement runs libpq allows it only in pipeline mode. */
        if (PQpipelineStatus(pg->connection) == PQ_PIPELINE_ON && !pg_nudge(pg, e)) {
            return false;
        }
    }
    pg_close(pg);
    return false;
}

static int64_t longest_ms(const struct pg *pg)
{
    return pg->options->statement_timeout_ms + 1000;
}

static int64_t answer_deadline(const struct pg *pg)
{
    bool prepared = PQpipelineStatus(pg->connection) == PQ_PIPELINE_ON;
    return clock_us() + (prepared ? pg->patience_ms : longest_ms(pg)) * 1000;
}

/* ---- connecting ----------------------------------------------------------------------------- */

enum { PARAMETERS = 12 };

/* libpq would print it to standard error, where only JSON goes. */
static void log_notice(void *context, const char *message)
{
    (void)context;
    log_debug("postgres_notice", LOG_STR("text", message));
}

static PGconn *start(struct pg *pg)
{
    char name[64];
    char session[320];
    const struct pg_options *o = pg->options;
    snprintf(name, sizeof name, "atelierd/%s/%s", o->replica, pg->purpose);
    /* The server's tcp_user_timeout ends a COPY whose client was stopped, which statement_timeout does not. Read
     * committed, whatever the role's default: a statement's snapshot must come after its locks; and not read only,
     * because pruning writes. */
    snprintf(session, sizeof session,
             "-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64 " -c idle_in_transaction_session_timeout=5000"
             " -c tcp_user_timeout=5000 -c search_path=pg_catalog -c jit=off"
             " -c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off",
             o->statement_timeout_ms, o->statement_timeout_ms);
    const char *const keywords[PARAMETERS] = {"dbname",
                                              "application_name",
                                              "options",
                                              "client_encoding",
                                              "gssencmode",
                                              "keepalives_idle",
                                              "keepalives_interval",
                                              "keepalives_count",
                                              "tcp_user_timeout",
                                              "target_session_attrs",
                                              NULL};
    char unacknowledged[8];
    snprintf(unacknowledged, sizeof unacknowledged, "%d", UNACKNOWLEDGED_MS);
    const char *const values[PARAMETERS] = {o->conninfo, name, session,        "UTF8",    "disable", "1",
                                            "1",         "1",  unacknowledged, "primary", NULL};
    PGconn *connection = PQconnectStartParams(keywords, values, 1);
    PQsetNoticeProcessor(connection, log_notice, NULL);
    return connection;
}

/* A SYN that was lost is sent again after a second: whoever tries again sooner finds a Postgres that has come back
 * sooner. It is the kernel that answers, however busy Postgres is. */
enum { REACH_MS = 500 };

static bool connect_it(struct pg *pg, struct error *e)
{
    int64_t begun = clock_us();
    int64_t deadline = begun + pg->options->connect_timeout_ms * 1000;
    int64_t reach = begun + REACH_MS * 1000;
    pg->losses = losses(pg);
    pg->connection = start(pg);
    if (!pg->connection) {
        return error_set(e, ERROR_SYSTEM, "no memory for a connection to Postgres");
    }
    metric_add(pg->options->open, 1);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(pg->connection) != CONNECTION_BAD && status != PGRES_POLLING_OK) {
        int64_t limit = PQstatus(pg->connection) == CONNECTION_STARTED && reach < deadline ? reach : deadline;
        if (!wait_for(pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, limit, e)) {
            return false;
        }
        status = PQconnectPoll(pg->connection);
    }
    if (PQstatus(pg->connection) != CONNECTION_OK || PQsetnonblocking(pg->connection, 1) != 0) {
        return fail(pg, e, "cannot connect");
    }
    return true;
}

static const char era_sql[] =
    "SELECT (SELECT system_identifier FROM pg_control_system())::text,"
    " CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END," PG_STARTED;

static bool learn_era(struct pg *pg, struct error *e)
{
    PGresult *result;
    if (!pg_query(pg, era_sql, &result, e)) {
        return false;
    }
    bool standby = PQgetlength(result, 0, 1) == 0;
    uint64_t system = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    uint32_t timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 16);
    pg->started_us = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    PQclear(result);
    if (standby) {
        /* A standby's snapshots lose rows silently. */
        return fail(pg, e, "this is a standby; name the primary in --postgres");
    }
    pg->era =
        (struct era){.number = era_number(system, timeline, pg->started_us), .system = system, .timeline = timeline};
    return true;
}

bool pg_is_open(struct pg *pg)
{
    if (pg->connection && is_outdated(pg)) {
        pg_close(pg);
    }
    return pg->connection;
}

bool pg_open(struct pg *pg, struct error *e)
{
    return pg_is_open(pg) || (connect_it(pg, e) && learn_era(pg, e));
}

void pg_close(struct pg *pg)
{
    if (pg->connection) {
        metric_add(pg->options->open, UINT64_MAX); /* one less */
        PQfinish(pg->connection);
        pg->connection = NULL;
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool flush(struct pg *pg, struct error *e)
{
    int64_t deadline = answer_deadline(pg);
    for (int left; (left = PQflush(pg->connection)) != 0;) {
        if (left < 0) {
            return fail(pg, e, "sending failed");
        }
        /* Both sides wait for ever if nobody reads while the buffers are full. */
        if (!wait_for(pg, POLLIN | POLLOUT, deadline, e)) {
            return false;
        }
        if (!PQconsumeInput(pg->connection)) {
            return broke(pg, e);
        }
    }
    return true;
}

bool pg_send(struct pg *pg, const char *sql, struct error *e)
{
    return PQsendQuery(pg->connection, sql) ? flush(pg, e) : fail(pg, e, "sending failed");
}

bool pg_next_result(struct pg *pg, PGresult **out, struct error *e)
{
    int64_t deadline = answer_deadline(pg);
    int64_t last = clock_us() + longest_ms(pg) * 1000;
    while (PQisBusy(pg->connection)) {
        if (!wait_for(pg, POLLIN, deadline, e)) {
            return false;
        }
        if (!PQconsumeInput(pg->connection)) {
            return broke(pg, e);
        }
        if (!pg->brief) {
            deadline = answer_deadline(pg);               /* a long answer is not a silent one … */
            deadline = deadline < last ? deadline : last; /* … but one that never ends may be of something else */
        }
    }
    *out = PQgetResult(pg->connection);
    ExecStatusType status = *out ? PQresultStatus(*out) : PGRES_TUPLES_OK;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_OUT ||
        status == PGRES_PIPELINE_SYNC) {
        return true;
    }
    PQclear(*out);
    *out = NULL;
    return fail(pg, e, "a statement failed");
}

/* The last result of what was sent. */
static bool last_result(struct pg *pg, PGresult **out, struct error *e)
{
    *out = NULL;
    for (;;) {
        PGresult *next;
        if (!pg_next_result(pg, &next, e)) {
            PQclear(*out);
            return false;
        }
        if (!next) {
            return *out || fail(pg, e, "no result");
        }
        PQclear(*out);
        *out = next;
    }
}

bool pg_query(struct pg *pg, const char *sql, PGresult **out, struct error *e)
{
    return pg_send(pg, sql, e) && last_result(pg, out, e);
}

static bool end_pipeline(struct pg *pg, PGresult **out, struct error *e)
{
    PGresult *sync = NULL;
    bool ok = pg_next_result(pg, &sync, e);
    PQclear(sync);
    ok = ok && (PQexitPipelineMode(pg->connection) || fail(pg, e, "the answer does not end"));
    if (!ok) {
        PQclear(*out);
        *out = NULL;
    }
    return ok;
}

/* What is slow, but works, is not given up again and again: not by a new connection either, so that only answers count,
 * and not how soon a statement was prepared. */
static void adapt_patience(struct pg *pg, bool ok, const struct error *e, int64_t took_ms)
{
    int64_t wanted_ms = pg->patience_ms;
    if (ok) {
        wanted_ms = 4 * took_ms;
    } else if (e->code == ERROR_UNREACHABLE) {
        wanted_ms = 2 * pg->patience_ms;
    }
    wanted_ms = wanted_ms > PATIENCE_MS ? wanted_ms : PATIENCE_MS;
    pg->patience_ms = wanted_ms < longest_ms(pg) ? wanted_ms : longest_ms(pg);
}

/* The answer to what was `sent` in pipeline mode, which is there for the sake of pg_nudge(). */
static bool finish(struct pg *pg, bool sent, PGresult **out, struct error *e)
{
    pg->patience_ms = pg->patience_ms ? pg->patience_ms : PATIENCE_MS;
    if (!sent || !PQpipelineSync(pg->connection)) {
        return fail(pg, e, "sending failed");
    }
    return flush(pg, e) && last_result(pg, out, e) && end_pipeline(pg, out, e);
}

bool pg_execute(struct pg *pg, const char *prepared, const char *const *parameters, int count, bool binary,
                PGresult **out, struct error *e)
{
    int64_t begun_us = clock_us();
    bool sent = PQenterPipelineMode(pg->connection) &&
                PQsendQueryPrepared(pg->connection, prepared, count, parameters, NULL, NULL, binary);
    bool ok = finish(pg, sent, out, e);
    adapt_patience(pg, ok, e, (clock_us() - begun_us) / 1000);
    return ok;
}

bool pg_prepare(struct pg *pg, const char *name, const char *sql, struct error *e)
{
    PGresult *result = NULL;
    bool ok = finish(pg, PQenterPipelineMode(pg->connection) && PQsendPrepare(pg->connection, name, sql, 0, NULL),
                     &result, e);
    PQclear(result);
    return ok;
}

bool pg_copy_row(struct pg *pg, char **row, int *len, struct error *e)
{
    int64_t deadline = 0; /* most rows are there already, and to ask for the time takes longer than to take one */
    while ((*len = PQgetCopyData(pg->connection, row, 1)) == 0) {
        deadline = deadline ? deadline : answer_deadline(pg);
        if (!wait_for(pg, POLLIN, deadline, e)) {
            return false;
        }
        if (!PQconsumeInput(pg->connection)) {
            return broke(pg, e);
        }
    }
    return *len != -2 || fail(pg, e, "COPY failed");
}
