/* A model of Postgres, as far as the write path can tell: transactions with their numbers, snapshots, row locks, the
 * change log and its horizon, and what a crash or a restore makes of them. One thread; one model a schedule. Time
 * comes from outside and rises with each call that takes it.
 *
 * Left out, because nothing of it reaches the replica: old row versions. Whatever is read is read in one snapshot, so
 * a read sees what is committed at the moment at which it is run. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PRODUCTS = 10,    /* ids 1 … PRODUCTS */
    PARTS = 2,        /* of a product: two transactions can change one product at once, as with its photos and skus */
    TRANSACTIONS = 6, /* open at once */
    COMMITS_MAX = 256,
    LOG_MAX = 1024,
    TICKS_MAX = 64,
    SNAPSHOT_TEXT = 256,
};

/* A product as it is shown: the numbers of its parts, none of which is ever used twice; 0: there is none. */
typedef uint64_t state;

/* What a transaction has done. */
struct work {
    uint32_t part[PRODUCTS + 1][PARTS];
    uint8_t locked[PRODUCTS + 1]; /* bit k: part k is this transaction's */
    uint32_t logged;              /* bit id: that product; bit 0: everything */
};

struct txn {
    enum { TXN_NONE, TXN_RUNNING, TXN_PREPARED } state;
    bool async, notify, in_savepoint;
    bool unlogged;                   /* the triggers are off */
    uint64_t xid, sub_xid, last_xid; /* 0: not assigned; of the open savepoint; the last of all that it has */
    struct work work, before_savepoint;
};

/* The database at one moment. */
struct image {
    uint32_t part[PRODUCTS + 1][PARTS];
    uint64_t horizon, next_xid;
    size_t commits; /* how many there were */
    size_t log_count, tick_count;
    struct {
        uint64_t xid;
        int64_t id;
    } log[LOG_MAX];
    struct {
        int64_t us;
        uint64_t oldest_xid;
    } ticks[TICKS_MAX];
};

/* What really happened, for the judge. */
struct commit {
    uint64_t xid;
    uint32_t boot, logged; /* logged as in work */
    int64_t us;
    bool lost; /* a crash or a restore has undone it */
};
struct change {
    int64_t us; /* from when on */
    state state;
};
struct history {
    struct change changes[COMMITS_MAX * 2];
    size_t count;
};

struct model {
    bool up;
    uint32_t boot;   /* counts lives, from 1 */
    uint32_t resets; /* of the statistics, within a life */
    uint64_t system;
    uint32_t timeline;
    struct image now, disk; /* what is visible; what a crash cannot take back */
    uint64_t ended_xid;     /* the highest that has ended: a snapshot's xmax is one more */
    struct txn txns[TRANSACTIONS];
    struct txn tail[COMMITS_MAX]; /* committed, but not on disk, in order: the last ones of `commits` */
    size_t tail_count;
    int64_t tail_since_us;
    uint32_t last_part;

    struct history history[PRODUCTS + 1];
    struct commit commits[COMMITS_MAX];
    size_t commit_count;
};

/* `products`: bit id: it exists. */
void model_init(struct model *m, uint64_t first_xid, uint32_t products, int64_t us);
/* What a connection learns; statistics that were reset look like another life. */
static inline uint64_t model_era(const struct model *m)
{
    return (uint64_t)m->boot * 1000 + m->resets;
}
/* Whether another commit and another fault can be noted. */
bool model_has_room(const struct model *m);
void image_copy(struct image *to, const struct image *from);

/* ---- writers; each says whether it could: something may be locked, or not be there ---- */
bool model_begin(struct model *m, struct txn *t, bool async, bool notify);
bool model_insert(struct model *m, struct txn *t, int64_t id);
bool model_update(struct model *m, struct txn *t, int64_t id, int part);
bool model_delete(struct model *m, struct txn *t, int64_t id);
/* TRUNCATE; with `refill`, other rows take their place in the same transaction. bit id: that product. */
bool model_truncate(struct model *m, struct txn *t, uint32_t refill);
bool model_savepoint(struct txn *t);
bool model_rollback_to_savepoint(struct model *m, struct txn *t);
bool model_prepare(struct model *m, struct txn *t);
bool model_commit(struct model *m, struct txn *t, int64_t us, bool *notifies);
void model_abort(struct model *m, struct txn *t);
/* Other transactions, of no interest, that use up numbers. */
void model_use_xids(struct model *m, uint64_t count);

/* ---- readers ---- */
void model_snapshot(const struct model *m, char text[SNAPSHOT_TEXT]); /* as pg_current_snapshot() prints it */
uint64_t model_version(const struct model *m);                        /* V of that snapshot */
state model_read(const struct model *m, int64_t id);
size_t model_prune(struct model *m, int64_t retention_us, int64_t us); /* feed.prune */

/* ---- faults ---- */
/* What was committed asynchronously is on disk after three times wal_writer_delay. Call it when time has passed. */
void model_flush_if_due(struct model *m, int64_t us);
/* Of the commits that are not on disk the last ones are forgotten, any number, and their xids are handed out again.
 * Prepared transactions stay. `choose(n)`: a random number below n. How many are forgotten. */
size_t model_crash(struct model *m, uint64_t (*choose)(uint64_t n), int64_t us);
/* Stops in good order: what runs is rolled back, nothing is lost. */
void model_stop(struct model *m);
/* All is as it was at the backup; the caller decides on system and timeline. */
void model_restore(struct model *m, const struct image *backup, int64_t us);
