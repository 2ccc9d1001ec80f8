/* The id of an event: what its receiver has seen of the change log, in snapshots, so that any replica can go on from
 * there exactly. Pure.
 *
 *     ERA-TO              all that TO sees
 *     ERA-FROM-TO-N       all that FROM sees; and of what TO sees besides, the products up to N
 *     FROM, TO            XMIN.SPAN[.STEP…]: xmax = XMIN + SPAN; each running transaction = XMIN + the steps up to it
 */
#pragma once
#include "base/text.h"
#include "cache/snapshot.h"

enum { EVENT_ID_MAX = 4096 }; /* bytes; that is some 500 running transactions in each snapshot */

struct event_id {
    uint64_t era;
    struct snapshot from, to; /* equal, unless something is missing */
    int64_t product;          /* 0: nothing is missing */
};

/* What stands for a snapshot in ids. */
void snapshot_encode(const struct snapshot *s, struct text *out);
/* The error's text names no parameter: the caller does. */
MUST_CHECK bool event_id_parse(const char *at, size_t len, struct event_id *out, struct error *e);
void event_id_fini(struct event_id *id);
