/* Fetchers: threads that read products from Postgres and make entries of them. The refresher gives
 * them fetches and takes them back done; it alone publishes. Each has one connection of its own.
 *
 * A fetch is one statement, or one REPEATABLE READ transaction that first locks the tables against
 * TRUNCATE; so all that it brings was true at one moment, and has one stamp. */
#pragma once
#include "cache/entry.h"
#include "cache/events.h"
#include "refresh/pg.h"

enum { FETCH_IDS_MAX = 256, FETCH_BOUNDS_MAX = 32, FETCHERS_MAX = 16 };

enum fetch_kind {
    FETCH_IDS,             /* the products in ids */
    FETCH_SLICE,           /* the first products with after < id ≤ until */
    FETCH_PRUNE,           /* has the change log forget what is older than prune_seconds */
    FETCH_RANGE_DIGEST,    /* the digest of all products with after < id ≤ up_to together */
    FETCH_PRODUCT_DIGESTS, /* … of each of them */
    FETCH_ROW_COUNTS,      /* how many rows have changed by Postgres's statistics */
    FETCH_LOG,             /* what the log says to those in resumes */
    FETCH_KINDS
};

/* By Postgres's statistics, which arrive seconds after the commit and may be reset: only their differences mean
 * something, and only while `tables` is the same. */
struct row_counts {
    uint64_t tables;  /* which tables they are of: changes when the catalogue is replaced */
    uint64_t changed; /* rows inserted, updated, deleted in the six tables, rolled back or not */
    uint64_t logged;  /* rows inserted into the change log, but for canaries, which are updated, too */
};

/* What Postgres has of a product: the digest (refresh/digest.h) of its rows. */
struct digest {
    int64_t id;
    uint64_t value;
};

struct fetch {
    /* what is asked: set by the refresher */
    enum fetch_kind kind;
    uint64_t life;      /* of the feed connection: an answer from an older one is dropped */
    struct era era;     /* all connections of a replica must be in one era */
    uint32_t era_index; /* for stamps */
    size_t count;       /* FETCH_IDS: how many, ascending, no repeats */
    bool large;         /* FETCH_IDS: not for the first fetcher */
    int64_t ids[FETCH_IDS_MAX];
    const struct entry *before[FETCH_IDS_MAX]; /* what is shown of them, pinned, fetch_free unpins; or NULL */
    int64_t after, until;
    int64_t slice; /* FETCH_SLICE: at most so many products; twice as many, if its end was a bound */
    uint32_t load; /* FETCH_SLICE: the refresher's own */
    int64_t prune_seconds;
    struct resume *resumes;         /* FETCH_LOG: linked; the answer is filled in. The refresher's own */
    struct snapshot up_to_snapshot; /* … up to this one */
    uint64_t next_batch;            /* … the refresher's own */

    /* the answer: set by the fetcher */
    bool ok;
    struct error error;
    stamp stamp;
    struct entry *
        *entries; /* by id; for FETCH_IDS one for each id asked for; malloc'ed, fetch_free frees what is left */
    size_t entry_count;
    int64_t up_to; /* FETCH_SLICE: all products with after < id ≤ up_to are in entries; at most `until`.
                    * Digests: set by the refresher */
    bool refused;  /* FETCH_SLICE: it worked, but no permit was free; nothing was read */
    int64_t bounds[FETCH_BOUNDS_MAX]; /* FETCH_SLICE with an open end (INT64_MAX): where the slices after it end, as */
    size_t bound_count;               /* far as they are full; ascending */
    int64_t estimate; /* … and how many products there are by Postgres's statistics; ≤ 0: not known */
    int64_t pruned;
    struct digest *digests; /* by id; malloc'ed, fetch_free frees them. FETCH_RANGE_DIGEST: exactly one, with id 0 */
    size_t digest_count;
    struct row_counts row_counts;
    int64_t took_us; /* from the statement to its answer; digests only */

    struct fetch *next; /* in the pool's queues */
};

struct fetch *fetch_new(enum fetch_kind kind); /* NULL: no memory */
void fetch_free(struct fetch **fetch);

struct fetch_options {
    struct pg_options pg;
    size_t threads;      /* ≥ 2: the first one takes neither slices nor large fetches, so that nothing urgent waits */
    size_t document_max; /* bytes */
    int64_t loads_at_once; /* slices that may be read at once, by all replicas together */
};

struct fetch_pool;
MUST_CHECK bool fetch_pool_new(struct fetch_pool **out, const struct fetch_options *options, struct error *e);
void fetch_pool_free(struct fetch_pool **pool); /* waits for the threads; options.pg.stop_fd must be readable */

/* ---- the refresher ---- */
void fetch_submit(struct fetch_pool *pool, struct fetch **fetch); /* takes it */
struct fetch *fetch_take_done(struct fetch_pool *pool);           /* NULL: none */
int fetch_done_fd(const struct fetch_pool *pool);                 /* readable when one is done */
