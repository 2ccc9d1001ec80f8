/* One connection to Postgres on which every wait has a limit and ends when the program is told to stop.
 * One thread. */
#pragma once
#include "base/error.h"
#include "base/text.h"
#include "load/progress.h"
#include <libpq-fe.h>

/* What the longest statement may take, and how long Postgres may take no byte and send none in a COPY. */
enum { SESSION_STATEMENT_LIMIT_MS = 3600 * 1000, SESSION_COPY_LIMIT_MS = 300 * 1000 };

struct session {
    PGconn *connection;
    struct progress *progress; /* borrowed; drawn while waiting */
    bool finishing;            /* cleans up: goes on although the program was told to stop */
};

/* libpq's connection string, a URI, or a database's name. */
MUST_CHECK bool session_open(struct session *session, const char *conninfo, struct progress *progress, struct error *e);
void session_close(struct session *session);

/* Runs one or more statements and waits; what they return is thrown away. */
MUST_CHECK bool session_run(struct session *session, const char *sql, struct error *e);
/* One statement that returns rows; the caller clears the result. */
MUST_CHECK bool session_rows(struct session *session, const char *sql, PGresult **out, struct error *e);
/* As session_run; if it fails, `sqlstate` says why Postgres refused, and is empty if it did not. */
MUST_CHECK bool session_try(struct session *session, const char *sql, char sqlstate[6], struct error *e);

/* COPY … FROM STDIN: start, then bytes, then end, which says whether all of it was taken. */
MUST_CHECK bool session_copy_start(struct session *session, const char *sql, struct error *e);
MUST_CHECK bool session_copy_bytes(struct session *session, const struct text *bytes, struct error *e);
MUST_CHECK bool session_copy_end(struct session *session, struct error *e);
