/* What the files of the cache share. Nobody else includes it. */
#pragma once
#include "cache/cache.h"
#include "cache/events_state.h"

#include <ck_hs.h>

struct cache {
    /* shared: read by every request */
    _Alignas(64) ck_hs_t slots;
    _Atomic(struct applied *) applied;
    _Atomic(struct id_root *) ids;
    _Atomic stamp floor;
    _Atomic bool complete, was_complete;
    _Atomic size_t arriving;
    _Alignas(64) _Atomic int64_t proved_us;
    /* shared: for metrics */
    _Alignas(64) _Atomic size_t entries, left_out, payload, bytes; /* of entries */
    _Atomic size_t allocated;                                      /* … as the heap has them */
    _Atomic size_t slots_memory, table_memory, ids_memory;
    size_t memory_limit; /* fixed */

    /* owned by the refresher */
    ck_epoch_record_t writer;
    struct guard *guards; /* all there ever were */
    size_t removed;       /* slots taken out since the table was last rebuilt */

    /* shared by nature */
    ck_epoch_t epoch;
    struct events events;
};

/* The table's memory; map_cache says on whose behalf the running thread changes it (ck_malloc passes no context). */
extern struct ck_malloc cache_map_memory;
extern _Thread_local struct cache *cache_map_cache;

/* Of a number that only the running thread writes. */
static inline void cache_add(_Atomic size_t *to, int64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + (size_t)n, memory_order_relaxed);
}

/* A slot as the heap has it. */
enum { SLOT_ALLOCATED = (sizeof(struct slot) + sizeof(size_t) + 15) / 16 * 16 };

unsigned long cache_hash(int64_t id);

/* Give back after a grace period, on the refresher. */
void cache_retire_entry(struct cache *c, struct entry *e);
void cache_retire_slot(struct cache *c, struct slot *slot);
void cache_retire_applied(struct cache *c, struct applied *a);
void cache_retire_events(struct cache *c, struct event_batch *b);
/* A root of the id index and the leaves that only it used; room for it is made before the change, so that
 * retiring cannot fail. NULL: no memory. */
struct old_ids;
struct old_ids *old_ids_new(void);
void cache_retire_ids(struct cache *c, struct old_ids *old, struct id_root *root, struct id_garbage garbage);
