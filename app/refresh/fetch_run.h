/* Running one fetch on one fetcher's connection; the pool's part is in fetch.c. A fetcher's thread only. */
#pragma once
#include "refresh/fetch.h"
#include "refresh/make_entry.h"
#include "refresh/rows.h"

#include <pthread.h>

struct fetcher {
    struct fetch_pool *pool;
    pthread_t thread;
    bool is_first;         /* takes urgent fetches only */
    int64_t loads_at_once; /* permits that there are */
    struct pg pg;
    struct rows rows;
    struct entry_maker *maker;
};

/* Fills the answer. After a failure the caller closes the connection: it may be in the middle of anything. */
MUST_CHECK bool fetch_run(struct fetcher *t, struct fetch *f, struct error *e);

/* fetch_digests.c: its part for the audit; on a connection that is open. */
MUST_CHECK bool fetch_run_digests(struct fetcher *t, struct fetch *f, struct error *e);
MUST_CHECK bool fetch_run_row_counts(struct fetcher *t, struct fetch *f, struct error *e);

/* fetch_log.c; its statement is prepared as "log" */
MUST_CHECK bool fetch_run_log(struct fetcher *t, struct fetch *f, struct error *e);
extern const char fetch_log_sql[];
