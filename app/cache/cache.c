#include "cache/cache_state.h"

#include <stdlib.h>
#include <string.h>

/* Murmur3's finalizer (A. Appleby): the low bits choose the bucket, and ids are often dense. */
unsigned long cache_hash(int64_t id)
{
    uint64_t h = (uint64_t)id;
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static unsigned long hash_slot(const void *slot, unsigned long seed)
{
    (void)seed;
    return cache_hash(((const struct slot *)slot)->id);
}

static bool same_id(const void *a, const void *b)
{
    /* A look-up key is just an id: the first member of a slot. The table's own comes first. */
    guard_saw(a);
    return *(const int64_t *)a == *(const int64_t *)b;
}

bool cache_new(struct cache **out, size_t expected_products, struct error *e)
{
    struct cache *c = aligned_alloc(64, sizeof *c);
    if (!c) {
        return error_set(e, ERROR_SYSTEM, "no memory for the cache");
    }
    memset(c, 0, sizeof *c);
    cache_map_cache = c;
    unsigned long size = 1024;
    while (size < expected_products * 2) {
        size *= 2;
    }
    if (!ck_hs_init(&c->slots, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hash_slot, same_id, &cache_map_memory, size, 0)) {
        free(c);
        return error_set(e, ERROR_SYSTEM, "no memory for a table of %lu slots", size);
    }
    if (!events_init(&c->events, e)) {
        ck_hs_destroy(&c->slots);
        free(c);
        return false;
    }
    ck_epoch_init(&c->epoch);
    ck_epoch_register(&c->epoch, &c->writer, NULL);
    *out = c;
    return true;
}

static void free_slot(struct slot *slot, void *context)
{
    (void)context;
    struct entry *e = atomic_load(&slot->entry);
    if (e) {
        entry_unpin(e);
    }
    free(slot);
}

void cache_free(struct cache **cache)
{
    struct cache *c = *cache;
    if (!c) {
        return;
    }
    guard_saw(c);
    cache_map_cache = c;
    ck_epoch_barrier(&c->writer);
    cache_each(c, free_slot, NULL);
    struct applied *a = atomic_load(&c->applied);
    if (a) {
        snapshot_fini(&a->snapshot);
        free(a);
    }
    events_fini(&c->events);
    id_root_free(atomic_load(&c->ids), true);
    ck_hs_destroy(&c->slots);
    for (struct guard *g = c->guards; g;) {
        struct guard *next = g->next;
        free(g);
        g = next;
    }
    free(c);
    *cache = NULL;
}

struct guard *guard_new(struct cache *cache)
{
    struct guard *g = aligned_alloc(64, (sizeof *g + 63) & ~(size_t)63);
    if (g) {
        memset(g, 0, sizeof *g);
        g->cache = cache;
        g->next = cache->guards;
        cache->guards = g;
        ck_epoch_register(&cache->epoch, &g->record, NULL);
    }
    return g;
}

void guard_free(struct guard **guard)
{
    ck_epoch_unregister(&(*guard)->record);
    *guard = NULL;
}

/* ---- readers -------------------------------------------------------------------------------- */

static struct slot *find(const struct cache *c, int64_t id)
{
    return ck_hs_get((ck_hs_t *)(uintptr_t)&c->slots, cache_hash(id), &id);
}

struct found cache_get(const struct guard *g, int64_t id)
{
    const struct cache *c = g->cache;
    stamp newest = atomic_load_explicit(&c->floor, memory_order_acquire);
    bool complete = atomic_load_explicit(&c->complete, memory_order_acquire);
    struct slot *slot = find(c, id);
    if (!slot) {
        return (struct found){.absent = complete};
    }
    stamp mark = atomic_load_explicit(&slot->mark, memory_order_acquire);
    const struct entry *entry = atomic_load_explicit(&slot->entry, memory_order_acquire);
    if (!entry) {
        return (struct found){0};
    }
    if (!atomic_load_explicit(&slot->read, memory_order_relaxed)) {
        atomic_store_explicit(&slot->read, 1, memory_order_relaxed);
    }
    newest = mark > newest ? mark : newest;
    return (struct found){.entry = entry, .marked = entry->stamp < newest, .absent = !entry->exists};
}

const struct id_root *cache_ids(const struct guard *g)
{
    return atomic_load_explicit(&g->cache->ids, memory_order_acquire);
}

const struct id_root *cache_ids_own(const struct cache *c)
{
    return atomic_load_explicit(&c->ids, memory_order_relaxed);
}

const struct applied *cache_applied(const struct guard *g)
{
    return atomic_load_explicit(&g->cache->applied, memory_order_acquire);
}

bool cache_is_complete(const struct cache *c)
{
    return atomic_load_explicit(&c->complete, memory_order_acquire);
}

bool cache_was_complete(const struct cache *c)
{
    return atomic_load_explicit(&c->was_complete, memory_order_acquire);
}

int64_t cache_proved_us(const struct cache *c)
{
    return atomic_load_explicit(&c->proved_us, memory_order_acquire);
}

size_t cache_arriving(const struct cache *c)
{
    return atomic_load_explicit(&c->arriving, memory_order_acquire);
}

size_t cache_entries(const struct cache *c)
{
    return atomic_load_explicit(&c->entries, memory_order_relaxed);
}

size_t cache_left_out(const struct cache *c)
{
    return atomic_load_explicit(&c->left_out, memory_order_relaxed);
}

size_t cache_payload(const struct cache *c)
{
    return atomic_load_explicit(&c->payload, memory_order_relaxed);
}

size_t cache_bytes(const struct cache *c)
{
    return atomic_load_explicit(&c->bytes, memory_order_relaxed);
}

size_t cache_memory(const struct cache *c)
{
    return atomic_load_explicit(&c->allocated, memory_order_relaxed) +
           atomic_load_explicit(&c->slots_memory, memory_order_relaxed) +
           atomic_load_explicit(&c->table_memory, memory_order_relaxed) +
           atomic_load_explicit(&c->ids_memory, memory_order_relaxed) + entry_late_bytes();
}

size_t cache_memory_limit(const struct cache *c)
{
    return c->memory_limit;
}

void cache_set_memory_limit(struct cache *c, size_t bytes)
{
    c->memory_limit = bytes;
}

size_t cache_slots(const struct cache *c)
{
    return ck_hs_count((ck_hs_t *)(uintptr_t)&c->slots);
}

/* ---- the refresher -------------------------------------------------------------------------- */

struct slot *cache_slot(struct cache *c, int64_t id, bool create)
{
    struct slot *slot = find(c, id);
    if (slot || !create) {
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (!slot) {
        return NULL;
    }
    slot->id = id;
    cache_map_cache = c;
    guard_told(slot);
    if (!ck_hs_put_unique(&c->slots, cache_hash(id), slot)) {
        free(slot);
        return NULL;
    }
    cache_add(&c->slots_memory, SLOT_ALLOCATED);
    return slot;
}

void cache_mark(struct cache *c, struct slot *slot, stamp s)
{
    if (atomic_load_explicit(&slot->mark, memory_order_relaxed) >= s) {
        return;
    }
    const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    /* By the index, not by the entry: without memory for the index a product can be shown and not be listed. What is
     * no product (a canary) never is. */
    if (slot->id > 0 && !slot->arriving && (!e || e->stamp < s) && !id_index_has(cache_ids_own(c), slot->id)) {
        slot->arriving = true;
        atomic_fetch_add_explicit(&c->arriving, 1, memory_order_release);
    }
    atomic_store_explicit(&slot->mark, s, memory_order_release);
}

void cache_mark_all(struct cache *c, stamp s)
{
    atomic_store_explicit(&c->floor, s, memory_order_release);
    atomic_store_explicit(&c->complete, false, memory_order_release);
}

stamp cache_floor(const struct cache *c)
{
    return atomic_load_explicit(&c->floor, memory_order_relaxed);
}

void cache_set_applied(struct cache *c, struct applied **a)
{
    struct applied *old = atomic_exchange_explicit(&c->applied, *a, memory_order_acq_rel);
    *a = NULL;
    if (old) {
        cache_retire_applied(c, old);
    }
}

void cache_set_proved(struct cache *c, int64_t clock_us)
{
    atomic_store_explicit(&c->proved_us, clock_us, memory_order_release);
}

void cache_set_complete(struct cache *c)
{
    atomic_store_explicit(&c->complete, true, memory_order_release);
    atomic_store_explicit(&c->was_complete, true, memory_order_release);
}

void cache_each(struct cache *c, void (*visit)(struct slot *slot, void *context), void *context)
{
    ck_hs_iterator_t at = CK_HS_ITERATOR_INITIALIZER;
    void *slot;
    while (ck_hs_next(&c->slots, &at, &slot)) {
        visit(slot, context);
    }
}
