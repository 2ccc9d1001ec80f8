#include "load/session.h"

#include "base/clock.h"
#include "load/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* How often a wait looks up: for the bar, and for being told to stop. */
enum { LOOK_UP_MS = 200, CANCEL_LIMIT_MS = 10 * 1000 };

/* libpq's messages end in a newline and may have several lines; one is wanted. */
static bool fail(struct error *e, enum error_code code, const char *message)
{
    error_set(e, code, "Postgres: %s", message);
    size_t len = strlen(e->text);
    while (len > 0 && e->text[len - 1] == '\n') {
        e->text[--len] = '\0';
    }
    for (size_t i = 0; i < len; i++) {
        e->text[i] = e->text[i] == '\n' || e->text[i] == '\t' ? ' ' : e->text[i];
    }
    return false;
}

static bool fail_connection(struct session *session, struct error *e)
{
    return fail(e, ERROR_POSTGRES, PQerrorMessage(session->connection));
}

/* Primary message, detail and hint; not the context, which names our own functions. */
static bool fail_result(const PGresult *result, struct error *e)
{
    static const int parts[] = {PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT};
    struct text text = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *part = PQresultErrorField(result, parts[i]);
        if (part) {
            text_printf(&text, "%s%s", text.len ? ". " : "", part);
        }
    }
    fail(e, ERROR_POSTGRES, text.len && !text.failed ? text.at : PQresultErrorMessage(result));
    text_fini(&text);
    return false;
}

bool session_open(struct session *session, const char *conninfo, struct progress *progress, struct error *e)
{
    /* What stands before dbname gives way to what the connection string says. */
    const char *names[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                           "keepalives_count", "tcp_user_timeout", "application_name",
                           "dbname",           "client_encoding",  NULL};
    const char *values[] = {"10", "10", "5", "3", "60000", "atelier-catalogue", conninfo, "UTF8", NULL};
    session->progress = progress;
    session->connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(session->connection) != CONNECTION_OK || PQsetnonblocking(session->connection, 1) != 0) {
        fail_connection(session, e);
        session_close(session);
        return false;
    }
    return true;
}

void session_close(struct session *session)
{
    PQfinish(session->connection);
    session->connection = NULL;
}

/* Waits until the socket is ready for one of `events`, or LOOK_UP_MS. */
static bool wait_socket(struct session *session, short events, struct error *e)
{
    struct pollfd socket = {.fd = PQsocket(session->connection), .events = events};
    progress_at(session->progress, session->progress->done, session->progress->rows);
    if (poll(&socket, 1, LOOK_UP_MS) < 0 && errno != EINTR) {
        return error_errno(e, "waiting for Postgres failed");
    }
    return true;
}

/* Told to stop: the statement is ended, so that its end comes soon. */
static void cancel(struct session *session)
{
    char ignored[256];
    PGcancel *request = PQgetCancel(session->connection);
    if (request) {
        PQcancel(request, ignored, sizeof ignored);
        PQfreeCancel(request);
    }
}

static bool go_on(const struct session *session, struct error *e)
{
    return session->finishing || stop_check(e);
}

/* Sends what is queued, within the limit. */
static bool flush(struct session *session, int64_t limit_ms, struct error *e)
{
    int64_t until = clock_ms() + limit_ms;
    for (int left; (left = PQflush(session->connection)) != 0;) {
        if (left < 0) {
            return fail_connection(session, e);
        }
        if (!go_on(session, e)) {
            return false;
        }
        if (clock_ms() > until) {
            return error_set(e, ERROR_UNREACHABLE, "Postgres took nothing for %lld s", (long long)limit_ms / 1000);
        }
        /* Postgres may want to be read before it reads on. */
        if (!wait_socket(session, POLLIN | POLLOUT, e)) {
            return false;
        }
        if (!PQconsumeInput(session->connection)) {
            return fail_connection(session, e);
        }
    }
    return true;
}

/* Until PQgetResult would not block. */
static bool wait_result(struct session *session, int64_t limit_ms, struct error *e)
{
    int64_t until = clock_ms() + limit_ms;
    bool cancelled = false;
    while (PQisBusy(session->connection)) {
        if (stop_asked() && !session->finishing && !cancelled) {
            cancelled = true;
            until = clock_ms() + CANCEL_LIMIT_MS;
            cancel(session);
        }
        if (clock_ms() > until) {
            return error_set(e, ERROR_UNREACHABLE, "Postgres gave no answer within %lld s", (long long)limit_ms / 1000);
        }
        if (!wait_socket(session, POLLIN, e)) {
            return false;
        }
        if (!PQconsumeInput(session->connection)) {
            return fail_connection(session, e);
        }
    }
    return true;
}

/* All results of what was sent; the last one is handed out. Stops at the first that failed, and at the start of
 * a COPY. */
static bool take_results(struct session *session, PGresult **out, struct error *e)
{
    bool good = true;
    *out = NULL;
    for (;;) {
        if (!wait_result(session, SESSION_STATEMENT_LIMIT_MS, e)) {
            return false;
        }
        PGresult *result = PQgetResult(session->connection);
        if (!result) {
            return good;
        }
        ExecStatusType status = PQresultStatus(result);
        PQclear(*out);
        *out = result;
        if (status == PGRES_COPY_IN) {
            return true;
        }
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            good = fail_result(result, e);
        }
    }
}

/* What was sent, to its end. A statement that ended because we were told to stop says so. */
static bool finish(struct session *session, PGresult **out, struct error *e)
{
    if (flush(session, SESSION_COPY_LIMIT_MS, e) && take_results(session, out, e)) {
        return true;
    }
    return !session->finishing && stop_asked() ? stop_check(e) : false;
}

static bool run(struct session *session, const char *sql, PGresult **out, struct error *e)
{
    *out = NULL;
    if (!go_on(session, e)) {
        return false;
    }
    return PQsendQuery(session->connection, sql) ? finish(session, out, e) : fail_connection(session, e);
}

bool session_rows(struct session *session, const char *sql, PGresult **out, struct error *e)
{
    if (run(session, sql, out, e)) {
        return true;
    }
    PQclear(*out);
    *out = NULL;
    return false;
}

bool session_run(struct session *session, const char *sql, struct error *e)
{
    char ignored[6];
    return session_try(session, sql, ignored, e);
}

bool session_try(struct session *session, const char *sql, char sqlstate[6], struct error *e)
{
    PGresult *result;
    bool done = run(session, sql, &result, e);
    const char *state = done ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, 6, "%s", state ? state : "");
    PQclear(result);
    return done;
}

bool session_copy_start(struct session *session, const char *sql, struct error *e)
{
    return session_run(session, sql, e);
}

bool session_copy_bytes(struct session *session, const struct text *bytes, struct error *e)
{
    if (bytes->failed) {
        return error_set(e, ERROR_SYSTEM, "no memory for a row");
    }
    if (PQputCopyData(session->connection, bytes->at, (int)bytes->len) != 1) {
        return fail_connection(session, e);
    }
    return flush(session, SESSION_COPY_LIMIT_MS, e);
}

bool session_copy_end(struct session *session, struct error *e)
{
    PGresult *result = NULL;
    if (PQputCopyEnd(session->connection, NULL) != 1) {
        return fail_connection(session, e);
    }
    bool done = finish(session, &result, e);
    PQclear(result);
    return done;
}
