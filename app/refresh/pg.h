/* A connection to Postgres on which every wait has a limit and can be stopped. One thread at a time.
 *
 * Each connection learns at its start which life of Postgres it talks to (its era) and refuses a
 * standby. That does not change while it lasts: whatever ends an era ends its connections. */
#pragma once
#include "base/error.h"
#include "base/metric.h"
#include <libpq-fe.h>
#include <stdint.h>

/* One life of Postgres: from a start, or a recovery after a backend's crash, to the next. */
struct era {
    uint64_t number; /* ordered by time, the same on every replica; 0: not known yet */
    uint64_t system; /* the cluster's identifier */
    uint32_t timeline;
};

struct pg_options {
    const char *conninfo; /* libpq's: URI or keyword = value */
    const char *replica;  /* for application_name */
    int64_t connect_timeout_ms;
    int64_t statement_timeout_ms; /* also what we wait for an answer, and a second more */
    int stop_fd;                  /* readable: stop waiting */
    metric *open;                 /* counts connections that are open */
};

struct pg {
    const struct pg_options *options;
    const char *purpose; /* "feed", "fetch": in application_name and errors */
    PGconn *connection;  /* NULL: not connected */
    struct era era;
};

/* Connects if it is not connected. */
MUST_CHECK bool pg_open(struct pg *pg, struct error *e);
void pg_close(struct pg *pg);

/* Sends one simple query or a prepared one and waits for its last result, which the caller clears. Any failure
 * closes the connection: nothing is left open, in doubt or half read. */
MUST_CHECK bool pg_query(struct pg *pg, const char *sql, PGresult **out, struct error *e);
MUST_CHECK bool pg_execute(struct pg *pg, const char *prepared, const char *const *parameters, int count, bool binary,
                           PGresult **out, struct error *e);
MUST_CHECK bool pg_prepare(struct pg *pg, const char *name, const char *sql, struct error *e);

/* For COPY: send, then results one by one; NULL result: no more. */
MUST_CHECK bool pg_send(struct pg *pg, const char *sql, struct error *e);
MUST_CHECK bool pg_next_result(struct pg *pg, PGresult **out, struct error *e);
/* One row of COPY … TO STDOUT; *len -1: no more; free it with PQfreemem. */
MUST_CHECK bool pg_copy_row(struct pg *pg, char **row, int *len, struct error *e);

/* The era from its parts; pure. `started_us` is the later of postmaster start and statistics reset. */
uint64_t era_number(uint64_t system, uint32_t timeline, int64_t started_us);
