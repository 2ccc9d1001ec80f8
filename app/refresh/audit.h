/* The audit: compares what is served with what Postgres has, because changes can go past the triggers (DISABLE TRIGGER,
 * a restore, a table owner's mistake). What differs is marked and fetched like any other change, counted and logged.
 *
 * Range after range of product ids, without gaps, so that also products that only one side has are found: Postgres
 * computes one digest over all rows of a range (refresh/digest.h), which is compared with that of the entries. Only
 * where they differ it is asked for the digest of each product, and each is judged by itself. A product is inconsistent
 * if its entry was read in a snapshot no newer than the digest's, and yet is not marked though the log has been read up
 * to there.
 *
 * A cycle goes on all the time, slowly. It is hurried when Postgres's statistics say that rows have changed and the
 * change log has not.
 *
 * Part of the refresher, on its thread. */
#pragma once
#include "refresh/fetch.h"

struct refresher;

struct audit {
    /* the range that is next, or under way */
    int64_t after, up_to; /* products with after < id ≤ up_to; a cycle begins after 0 and ends with INT64_MAX */
    size_t size;          /* products in a range; adapts to what Postgres takes for it */
    bool each;            /* its digest differs: each product's is asked for */
    bool under_way;       /* a fetch of digests is */
    stamp stamp;          /* of the products' digests below, until the log has been read up to there */
    uint64_t life;
    struct digest *digests; /* NULL: none; malloc'ed */
    size_t digest_count;

    /* when */
    int64_t next_us, sent_us, spent_us, cycle_began_us;
    bool hurried, wrapped; /* until it has come round once */
    int64_t hurried_up_to; /* to where it was then */

    /* inconsistent products that are being fetched; the next range waits for them */
    int64_t *repairs; /* ids; NULL: none; malloc'ed */
    size_t repair_count;
    stamp repair_stamp;
    int64_t repair_until_us;

    /* Postgres's statistics */
    struct row_counts row_counts;
    uint64_t row_counts_era; /* 0: none yet */
    int64_t next_row_counts_us;
    bool row_counts_under_way;
};

/* Does what is due: sends fetches, judges what they brought. Often. */
void audit_step(struct refresher *r);
/* For fetches of digests and of row counts. */
void audit_take_done(struct refresher *r, struct fetch *f);
/* Digests were asked for and not judged yet: a slot that says "no such product" must not be forgotten meanwhile,
 * because only the slot knows that it was deleted after they were made. */
bool audit_needs_slots(const struct refresher *r);
void audit_fini(struct audit *a);

/* Whether rows have changed from `before` to `now` and the change log has not. Pure. */
bool audit_row_counts_alarm(const struct row_counts *before, const struct row_counts *now);
