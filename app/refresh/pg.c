#include "refresh/pg.h"

#include "base/clock.h"

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
        int ready = poll(fds, 2, (int)left_ms);
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
    }
    pg_close(pg);
    return false;
}

static int64_t answer_deadline(const struct pg *pg)
{
    return clock_us() + (pg->options->statement_timeout_ms + 1000) * 1000;
}

/* ---- connecting ----------------------------------------------------------------------------- */

enum { PARAMETERS = 12 };

static PGconn *start(struct pg *pg)
{
    char name[64];
    char session[256];
    const struct pg_options *o = pg->options;
    snprintf(name, sizeof name, "atelierd/%s/%s", o->replica, pg->purpose);
    /* The server's tcp_user_timeout ends a COPY whose client was stopped, which statement_timeout does not. Read
     * committed, whatever the role's default: a statement's snapshot must come after its locks. */
    snprintf(session, sizeof session,
             "-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64 " -c idle_in_transaction_session_timeout=5000"
             " -c tcp_user_timeout=5000 -c search_path=pg_catalog -c jit=off"
             " -c default_transaction_isolation=read\\ committed",
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
    const char *const values[PARAMETERS] = {o->conninfo, name, session, "UTF8",    "disable", "5",
                                            "2",         "3",  "5000",  "primary", NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static bool connect_it(struct pg *pg, struct error *e)
{
    int64_t deadline = clock_us() + pg->options->connect_timeout_ms * 1000;
    pg->connection = start(pg);
    if (!pg->connection) {
        return error_set(e, ERROR_SYSTEM, "no memory for a connection to Postgres");
    }
    metric_add(pg->options->open, 1);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(pg->connection) != CONNECTION_BAD && status != PGRES_POLLING_OK) {
        if (!wait_for(pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, e)) {
            return false;
        }
        status = PQconnectPoll(pg->connection);
    }
    if (PQstatus(pg->connection) != CONNECTION_OK || PQsetnonblocking(pg->connection, 1) != 0) {
        return fail(pg, e, "cannot connect");
    }
    return true;
}

/* The last column is what makes a backend's crash visible: it resets the statistics, and only those. */
static const char era_sql[] =
    "SELECT (SELECT system_identifier FROM pg_control_system())::text,"
    " CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,"
    " (extract(epoch FROM greatest(pg_postmaster_start_time(),"
    " (SELECT stats_reset FROM pg_stat_bgwriter))) * 1000000)::bigint::text";

static bool learn_era(struct pg *pg, struct error *e)
{
    PGresult *result;
    if (!pg_query(pg, era_sql, &result, e)) {
        return false;
    }
    bool standby = PQgetlength(result, 0, 1) == 0;
    uint64_t system = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    uint32_t timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 16);
    int64_t started_us = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    PQclear(result);
    if (standby) {
        /* A standby's snapshots lose rows silently. */
        return fail(pg, e, "this is a standby; name the primary in --postgres");
    }
    pg->era = (struct era){.number = era_number(system, timeline, started_us), .system = system, .timeline = timeline};
    return true;
}

bool pg_open(struct pg *pg, struct error *e)
{
    return pg->connection || (connect_it(pg, e) && learn_era(pg, e));
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
            return fail(pg, e, "the connection broke");
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
    while (PQisBusy(pg->connection)) {
        if (!wait_for(pg, POLLIN, deadline, e)) {
            return false;
        }
        if (!PQconsumeInput(pg->connection)) {
            return fail(pg, e, "the connection broke");
        }
    }
    *out = PQgetResult(pg->connection);
    ExecStatusType status = *out ? PQresultStatus(*out) : PGRES_TUPLES_OK;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_OUT) {
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

bool pg_execute(struct pg *pg, const char *prepared, const char *const *parameters, int count, bool binary,
                PGresult **out, struct error *e)
{
    if (!PQsendQueryPrepared(pg->connection, prepared, count, parameters, NULL, NULL, binary)) {
        return fail(pg, e, "sending failed");
    }
    return flush(pg, e) && last_result(pg, out, e);
}

bool pg_prepare(struct pg *pg, const char *name, const char *sql, struct error *e)
{
    PGresult *result;
    if (!PQsendPrepare(pg->connection, name, sql, 0, NULL)) {
        return fail(pg, e, "sending failed");
    }
    if (!flush(pg, e) || !last_result(pg, &result, e)) {
        return false;
    }
    PQclear(result);
    return true;
}

bool pg_copy_row(struct pg *pg, char **row, int *len, struct error *e)
{
    int64_t deadline = answer_deadline(pg);
    while ((*len = PQgetCopyData(pg->connection, row, 1)) == 0) {
        if (!wait_for(pg, POLLIN, deadline, e)) {
            return false;
        }
        if (!PQconsumeInput(pg->connection)) {
            return fail(pg, e, "the connection broke");
        }
    }
    return *len != -2 || fail(pg, e, "COPY failed");
}
