/* The cache: where the read path and the write path meet. ck_hs holds one slot per product; the
 * slot points at one immutable entry. One thread writes (the refresher); any number read, without a
 * lock and without writing to anything shared.
 *
 * What always holds
 *  - An entry is never changed once it is published, and lives while a guard that saw it is entered.
 *  - A reader may show an entry as fresh if its stamp is ≥ the slot's mark and ≥ the floor.
 *  - The writer marks before it moves `applied`; a reader reads applied, then the mark, then the entry.
 *    So whoever was told "version V is applied" sees every mark of V, and with it knows what is too old.
 *  - A product is in the id index only while its slot has an entry that exists: inserted entry first,
 *    then index; deleted index first, then entry.
 *  - A product that may have to be listed counts as arriving from before its mark is applied until after it is listed.
 */
#pragma once
#include "base/error.h"
#include "cache/entry.h"
#include "cache/guard.h"
#include "cache/id_index.h"
#include "cache/snapshot.h"

struct cache;

struct slot {
    /* fixed */
    int64_t id;
    /* shared: written by the refresher */
    _Atomic(struct entry *) entry; /* NULL: not read from Postgres yet */
    _Atomic stamp mark;            /* of the log read that last named the product */
    /* shared: set by readers, cleared by the refresher at publish; a hint that orders refreshing */
    _Atomic uint8_t read;
    /* owned by the refresher; in another word than `read`, because compilers read neighbours together */
    _Alignas(4) uint8_t queue;  /* which queue of the change set it is in */
    bool fetching;              /* a fetch that will answer for its mark is under way */
    bool arriving;              /* not listed, but a change was announced that may list it */
    struct slot *next, *before; /* in that queue */
    ck_epoch_entry_t reclaim;
};

/* What the replica has applied: made by the refresher for each log read that found something new. */
struct applied {
    stamp stamp;
    uint64_t era;             /* the number that is shown, the same on every replica */
    struct snapshot snapshot; /* transactions that it sees are all applied or marked */
    ck_epoch_entry_t reclaim;
};

/* What a reader finds. */
struct found {
    const struct entry *entry; /* NULL: not in memory */
    bool marked;               /* there is an entry, but a change that it lacks has been announced */
    bool absent;               /* the catalogue is known to have no such product; entry may be NULL */
};

/* ---- set-up and tear-down: no other thread runs ---- */
MUST_CHECK bool cache_new(struct cache **out, size_t expected_products, struct error *e);
void cache_free(struct cache **cache);
void cache_set_memory_limit(struct cache *c, size_t bytes);

/* ---- readers: inside a guard ---- */
struct found cache_get(const struct guard *g, int64_t id);
const struct id_root *cache_ids(const struct guard *g);     /* NULL: empty */
const struct applied *cache_applied(const struct guard *g); /* NULL: nothing yet */

/* ---- readers: any thread, no guard needed ---- */
bool cache_is_complete(const struct cache *c);  /* every product of the catalogue is in memory: what has no slot does
                                                 * not exist, and the id index is right */
bool cache_was_complete(const struct cache *c); /* … or has been once: lists can be answered */
int64_t cache_proved_us(const struct cache *c); /* clock_us when the newest log read was sent; 0: never */
/* How many products may exist that the id index lacks: their changes are announced, but not published yet. Read after
 * cache_applied and before cache_ids; 0: the index lacks nothing of what is applied (if the cache is complete). */
size_t cache_arriving(const struct cache *c);
size_t cache_entries(const struct cache *c);  /* products that exist */
size_t cache_left_out(const struct cache *c); /* … whose documents are not in memory, for want of room */
size_t cache_payload(const struct cache *c);  /* bytes of all documents in all codings */
size_t cache_bytes(const struct cache *c);    /* of entries, without allocator overhead */
size_t cache_memory(const struct cache *c);   /* bytes of all that the catalogue takes: entries, their late forms,
                                               * slots, table, id index, each with its allocator overhead; not what waits
                                               * to be given back */
size_t cache_slots(const struct cache *c);
/* --memory-limit, of cache_memory; 0: none. The cache keeps it for all; whoever publishes keeps to it. */
size_t cache_memory_limit(const struct cache *c);

/* ---- the refresher ---- */
enum { PUBLISH_MAX = 256 };

enum publish_result {
    PUBLISH_DONE,
    PUBLISH_OLD,   /* the slot has something as new or newer: dropped. What was left out is filled by the same stamp */
    PUBLISH_AGAIN, /* a newer change was announced meanwhile: dropped, fetch again */
    PUBLISH_NO_MEMORY, /* dropped, or shown but not listed: what was read must be read and published again */
};

/* The slot of a product, made if there is none; NULL: no memory. */
struct slot *cache_slot(struct cache *c, int64_t id, bool create);
/* Announces that the product changed: entries with an older stamp are no longer fresh. */
void cache_mark(struct cache *c, struct slot *slot, stamp s);
/* Announces that everything may have changed, also which products there are: no longer complete. */
void cache_mark_all(struct cache *c, stamp s);
stamp cache_floor(const struct cache *c);
/* After all marks of a log read. Takes `a`. */
void cache_set_applied(struct cache *c, struct applied **a);
void cache_set_proved(struct cache *c, int64_t clock_us);
void cache_set_complete(struct cache *c);
/* Takes at most PUBLISH_MAX entries (and empties the pointers), in ascending order of id; fills one result for each.
 * Entries must have their stamp. All appear one by one; what each shows is whole. */
void cache_publish(struct cache *c, struct entry **entries, size_t count, enum publish_result *results);
/* Removes a slot that says "no such product" (or nothing): the refresher has made sure that no fetch is under way. */
void cache_forget(struct cache *c, struct slot *slot);
const struct id_root *cache_ids_own(const struct cache *c); /* as cache_ids: the refresher needs no guard */
/* Calls `visit` for every slot. */
void cache_each(struct cache *c, void (*visit)(struct slot *slot, void *context), void *context);
/* Gives back memory that no reader can see any more; often, at least every 100 ms. */
void cache_reclaim(struct cache *c);
