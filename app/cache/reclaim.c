/* Memory that readers may still see is given back after a grace period: when every guard that was
 * entered before it was taken away has been left. All of it happens on the refresher's thread. */
#include "cache/cache_state.h"

#include "cache/heap.h"

#include <stdlib.h>
#include <string.h>

_Thread_local struct cache *cache_map_cache;

struct map {
    ck_epoch_entry_t reclaim;
    struct cache *cache;
    size_t size;
    _Alignas(64) char bytes[];
};

CK_STACK_CONTAINER(ck_epoch_entry_t, stack_entry, entry_on)
CK_EPOCH_CONTAINER(struct map, reclaim, map_of)
CK_EPOCH_CONTAINER(struct entry, reclaim, entry_of)
CK_EPOCH_CONTAINER(struct slot, reclaim, slot_of)
CK_EPOCH_CONTAINER(struct applied, reclaim, applied_of)
CK_EPOCH_CONTAINER(struct event_batch, reclaim, event_batch_of)

static void *map_alloc(size_t size)
{
    /* Zeroed: libck 0.7.1 leaves a counter of the map unset. */
    size_t align = size >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t whole = (sizeof(struct map) + size + align - 1) & ~(align - 1);
    struct map *m = aligned_alloc(align, whole);
    if (!m) {
        return NULL;
    }
    heap_advise_range((uintptr_t)m, whole);
    memset(m, 0, sizeof *m + size);
    m->cache = cache_map_cache;
    m->size = sizeof *m + size;
    cache_add(&m->cache->table_memory, (int64_t)m->size);
    return m->bytes;
}

static void free_map(struct map *m)
{
    cache_add(&m->cache->table_memory, -(int64_t)m->size);
    free(m);
}

static void map_reclaim(ck_epoch_entry_t *e)
{
    free_map(map_of(e));
}

static void map_free(void *bytes, size_t size, bool defer)
{
    (void)size;
    struct map *m = (struct map *)((char *)bytes - offsetof(struct map, bytes));
    if (defer) {
        ck_epoch_call(&m->cache->writer, &m->reclaim, map_reclaim);
    } else {
        free_map(m);
    }
}

struct ck_malloc cache_map_memory = {.malloc = map_alloc, .free = map_free};

static void entry_reclaim(ck_epoch_entry_t *e)
{
    entry_unpin(entry_of(e));
}

static void slot_reclaim(ck_epoch_entry_t *e)
{
    free(slot_of(e));
}

static void applied_reclaim(ck_epoch_entry_t *e)
{
    struct applied *a = applied_of(e);
    snapshot_fini(&a->snapshot);
    free(a);
}

static void events_reclaim(ck_epoch_entry_t *e)
{
    event_batch_free(event_batch_of(e));
}

/* An old root of the id index, with the leaves that only it used. */
struct old_ids {
    ck_epoch_entry_t reclaim;
    struct id_root *root;
    struct id_garbage garbage;
};
CK_EPOCH_CONTAINER(struct old_ids, reclaim, old_ids_of)

static void old_ids_reclaim(ck_epoch_entry_t *e)
{
    struct old_ids *old = old_ids_of(e);
    for (size_t i = 0; i < old->garbage.count; i++) {
        free((void *)(uintptr_t)old->garbage.leaves[i]);
    }
    free(old->garbage.leaves);
    id_root_free(old->root, false);
    free(old);
}

struct old_ids *old_ids_new(void)
{
    return calloc(1, sizeof(struct old_ids));
}

void cache_retire_ids(struct cache *c, struct old_ids *old, struct id_root *root, struct id_garbage garbage)
{
    old->root = root;
    old->garbage = garbage;
    ck_epoch_call(&c->writer, &old->reclaim, old_ids_reclaim);
}

void cache_retire_entry(struct cache *c, struct entry *e)
{
    ck_epoch_call(&c->writer, &e->reclaim, entry_reclaim);
}

void cache_retire_slot(struct cache *c, struct slot *slot)
{
    cache_add(&c->slots_memory, -(int64_t)SLOT_ALLOCATED);
    ck_epoch_call(&c->writer, &slot->reclaim, slot_reclaim);
}

void cache_retire_applied(struct cache *c, struct applied *a)
{
    ck_epoch_call(&c->writer, &a->reclaim, applied_reclaim);
}

void cache_retire_events(struct cache *c, struct event_batch *b)
{
    ck_epoch_call(&c->writer, &b->reclaim, events_reclaim);
}

void cache_reclaim(struct cache *c)
{
    ck_stack_t unused = CK_STACK_INITIALIZER;
    ck_epoch_poll_deferred(&c->writer, &unused);
    guard_saw(c); /* after the poll has found that the readers have left, not before */
    for (ck_stack_entry_t *at = CK_STACK_FIRST(&unused); at;) {
        ck_epoch_entry_t *e = entry_on(at);
        at = CK_STACK_NEXT(at);
        e->function(e);
    }
}
