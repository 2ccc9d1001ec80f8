/* A connection to Postgres on which every wait has a limit and can be stopped. One thread at a time.
 *
 * A Postgres that is silent is noticed within a second. Half-open connections: what its machine does not acknowledge
 * for UNACKNOWLEDGED_MS breaks the connection, and while the answer to a prepared statement is waited for, something
 * that has to be acknowledged is sent now and then. Hanging backends and proxies: the answer to a prepared statement is
 * given up after a silence of PATIENCE_MS, or of more where Postgres is known to be slow. Where one connection breaks
 * the others are given up with it: so the feed, which reads all the time, watches over those that idle or wait for
 * long. Alone these have keepalives, which need two seconds.
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
    int64_t statement_timeout_ms;
    int stop_fd;    /* readable: stop waiting */
    metric *open;   /* counts connections that are open */
    metric *losses; /* counts connections that broke: when it moves, those made before are given up, in the
                     * middle of a wait, too; NULL: each stands alone */
};

enum { PATIENCE_MS = 750, UNACKNOWLEDGED_MS = 450 };

struct pg {
    const struct pg_options *options;
    const char *purpose; /* "feed", "fetch", "duty": in application_name and errors */
    PGconn *connection;  /* NULL: not connected */
    struct era era;
    int64_t started_us;  /* when the era began, by Postgres's clock */
    uint64_t losses;     /* when it was made */
    bool brief;          /* the answer is small: other input, such as notifications, gives it no more time */
    int64_t patience_ms; /* how long the answer to a prepared statement may be silent; 0: PATIENCE_MS */
};

/* Whether it is connected; closes what was made before another connection broke. */
bool pg_is_open(struct pg *pg);
/* Connects if it is not connected. */
MUST_CHECK bool pg_open(struct pg *pg, struct error *e);
void pg_close(struct pg *pg);
/* Sends what asks for nothing, but must be acknowledged: so a half-open connection that idles is found, too. */
MUST_CHECK bool pg_nudge(struct pg *pg, struct error *e);

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

/* When the era began, in SQL: as text, microseconds. The statistics are what makes a backend's crash visible: it resets
 * them, and only those. */
#define PG_STARTED                                                                                                     \
    "(extract(epoch FROM greatest(pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter)))"            \
    " * 1000000)::bigint::text"

/* The era from its parts; pure. `started_us` is the later of postmaster start and statistics reset. */
uint64_t era_number(uint64_t system, uint32_t timeline, int64_t started_us);
