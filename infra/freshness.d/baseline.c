/* The naive subscriber that freshness is compared with: LISTEN, and at each notification SELECT one row by its key.
 * Nothing that has to know what it says can be quicker, for it does nothing else. Usage: baseline CONNINFO ID; prints
 * "listening", and at SIGTERM "seen STAMP CLOCK_US" for each new stamp it saw. */
#include "base/clock.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t watched_stamp(PGconn *connection, const char *id)
{
    PGresult *row = PQexecPrepared(connection, "row", 1, &id, NULL, NULL, 0);
    const char *digits = PQntuples(row) == 1 ? strpbrk(PQgetvalue(row, 0, 0), "0123456789") : NULL;
    int64_t stamp = digits ? strtoll(digits, NULL, 10) : 0;
    PQclear(row);
    return stamp;
}

static int drain(PGconn *connection)
{
    int count = 0;
    PQconsumeInput(connection);
    for (PGnotify *n; (n = PQnotifies(connection)); count++) {
        PQfreemem(n);
    }
    return count;
}

int main(int argc, char **argv)
{
    PGconn *connection = PQconnectdb(argc == 3 ? argv[1] : "");
    PQclear(PQexec(connection, "LISTEN atelier_changes"));
    PQclear(PQprepare(connection, "row", "SELECT slogan FROM products WHERE id = $1::bigint", 1, NULL));
    if (PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "baseline: %s", PQerrorMessage(connection));
        return 1;
    }
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
    puts("listening");
    fflush(stdout);
    struct pollfd fd = {.fd = PQsocket(connection), .events = POLLIN};
    for (int64_t last = 0; !stopped && PQstatus(connection) == CONNECTION_OK;) {
        int64_t stamp = drain(connection) ? watched_stamp(connection, argv[2]) : (poll(&fd, 1, 100), last);
        if (stamp > last) {
            printf("seen %" PRId64 " %" PRId64 "\n", last = stamp, clock_us());
        }
    }
    return PQstatus(connection) == CONNECTION_OK ? 0 : 1;
}
