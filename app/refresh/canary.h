/* The canary: how soon a change is shown, measured by this replica on itself. About every --canary-ms it commits a log
 * row of its own (feed.canary), and takes the time until the cache shows what was fetched for it: log row,
 * notification (or the poll, or the one on duty), log read, mark, fetch, publication. The row's id is negative, so no
 * product: Postgres finds nothing under it, and an entry that says so is published.
 *
 * The time runs on this machine's monotonic clock from just before the statement is sent, so it is an upper bound: the
 * commit comes after that. It contains what nobody waits for, one way of the statement to Postgres and its execution;
 * it lacks rendering and compressing one product. A canary that was committed and is not shown within CANARY_LOST_US is
 * lost, unless it is known to wait behind other changes. What cannot be told is not counted: the connection broke while
 * it was being committed, Postgres crashed meanwhile, which may have forgotten it, or the log was read from anew.
 *
 * One is under way at a time. The duty's thread sends it, the refresher sees it. */
#pragma once
#include "base/metric.h"
#include "cache/stamp.h"
#include <stdbool.h>

enum { CANARY_LOST_US = 10000000 };
extern const int64_t canary_bounds_us[HISTOGRAM_BUCKETS - 1];

struct canary {
    /* shared: the duty's thread moves it on from CANARY_NONE and from CANARY_SENT, the refresher from the others */
    _Atomic enum canary_state { CANARY_NONE, CANARY_SENT, CANARY_COMMITTED, CANARY_FAILED } state;
    _Atomic int64_t id; /* of the rows; another one once a row may come late */
    int64_t sent_us;    /* written before CANARY_SENT, read after it */

    /* owned by the refresher */
    bool read;        /* from the log */
    stamp mark;       /* … with this version */
    int64_t shown_us; /* 0: not yet */
    bool dropped;     /* it cannot be told what became of it */
};

/* ---- the duty's thread ---- */
/* Begins one, unless one is under way; its time runs from now. */
bool canary_begin(struct canary *c, int64_t *id);
void canary_sent(struct canary *c, bool committed);

/* ---- the refresher ---- */
struct refresher;
void canary_init(struct refresher *r);
/* Its row was in a log read of this stamp. */
void canary_was_read(struct refresher *r, stamp s);
/* Entries were published. */
void canary_look(struct refresher *r);
/* Now and then: counts what has become of it. */
void canary_keep(struct refresher *r);
/* Another life of Postgres has begun, or a log read may have passed over its row: it is not counted. */
void canary_drop(struct refresher *r);
