/* The change feed: what changed in Postgres, from the change log. A notification only wakes us; the
 * log is the truth. The feed keeps the snapshot of its last read (S0) and reads what became visible
 * since, so that late commits, gaps and rollbacks need no care (PgQ's method).
 *
 * One connection, outside of any transaction; used by the refresher only. */
#pragma once
#include "cache/snapshot.h"
#include "refresh/pg.h"

/* What a crash may hand out again: in a new life of Postgres the log is read this many transactions back. */
enum { OVER_READ = 65536 };

/* What lies behind S0 may take longer to read than a statement may take: then it will never be read. */
enum { READ_FAILURES_MAX = 4 };

struct change_feed {
    struct pg pg;
    struct snapshot last; /* S0; xmax 0: none yet */
    bool fresh;           /* connected since the last read */
    uint64_t era;         /* of the last read */
    char tick[40];        /* the newest of feed.ticks at the last read */
    unsigned failures;    /* of reads since the last one that succeeded */
    int64_t canary;       /* the id of this replica's canary (refresh/canary.h) */
};

struct changes {
    struct snapshot snapshot; /* of this read */
    bool everything;          /* TRUNCATE, a swapped catalogue, or the log no longer reaches back to S0 */
    bool less;                /* Postgres lacks a tick that it had: it came back with less than was read from it */
    bool restarted;           /* the era is over, though the connection is not: its statistics were reset */
    bool silent;              /* writers do not notify: somebody is on duty, or says so */
    bool canaries;            /* somebody's canary is in it; … */
    bool canary;              /* … this replica's is */
    int64_t *ids;             /* changed products, perhaps with repeats; malloc'ed */
    size_t count;
    int64_t sent_us; /* clock_us when the read was sent: all that was committed before it is in it */
};

/* Connects and listens. */
MUST_CHECK bool feed_open(struct change_feed *feed, struct error *e);
/* At most `limit` ids; more are reported as `everything`. Any failure closes the connection and keeps S0.
 * After READ_FAILURES_MAX failures in a row S0 is given up: the next read says `everything`, and has nothing to look
 * for. The caller frees what it got with changes_fini. */
MUST_CHECK bool feed_read(struct change_feed *feed, size_t limit, struct changes *out, struct error *e);
void changes_fini(struct changes *c);
struct heard {
    int changes;  /* notifications of writers … */
    int own;      /* … of this replica's canary, as good a reason to read the log … */
    int canaries; /* … and of others', which are none */
};
/* Takes in what has arrived; false: the connection broke and was closed. Never waits. */
bool feed_notifications(struct change_feed *feed, struct heard *out);
void feed_fini(struct change_feed *feed);
