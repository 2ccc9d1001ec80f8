/* How entries become visible and go: the rules of cache.h, kept in one place. The refresher's. */
#include "cache/cache_state.h"

#include <stdlib.h>

static void account(struct cache *c, const struct entry *e, int sign)
{
    if (e) {
        cache_add(&c->entries, sign * e->exists);
        cache_add(&c->left_out, sign * e->left_out);
        cache_add(&c->payload, sign * (int64_t)entry_payload(e));
        cache_add(&c->bytes, sign * (int64_t)e->size);
        cache_add(&c->allocated, sign * (int64_t)entry_allocated(e));
    }
}

/* Whether the rule allows it: newer than what is there, and not older than what was announced. */
static enum publish_result judge(struct cache *c, const struct entry *e, struct slot *slot)
{
    if (!slot) {
        return PUBLISH_NO_MEMORY;
    }
    const struct entry *old = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    stamp mark = atomic_load_explicit(&slot->mark, memory_order_relaxed);
    if (e->stamp < mark || e->stamp < cache_floor(c)) {
        return PUBLISH_AGAIN;
    }
    return old && e->stamp <= old->stamp ? PUBLISH_OLD : PUBLISH_DONE;
}

/* What was left out for want of room is filled by what was read in the same snapshot, too. */
static bool fills(const struct entry *e, const struct slot *slot)
{
    const struct entry *old = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    return old->left_out && !e->left_out && e->stamp == old->stamp;
}

static void replace(struct cache *c, struct slot *slot, struct entry **e)
{
    account(c, *e, 1);
    struct entry *old = atomic_exchange_explicit(&slot->entry, *e, memory_order_acq_rel);
    *e = NULL;
    atomic_store_explicit(&slot->read, 0, memory_order_relaxed);
    account(c, old, -1);
    if (old) {
        cache_retire_entry(c, old);
    }
}

/* A new root of the id index; false: no memory, nothing changed. */
static bool change_ids(struct cache *c, const int64_t *add, size_t adds, const int64_t *remove, size_t removes)
{
    if (adds + removes == 0) {
        return true;
    }
    struct id_garbage garbage;
    struct id_root *old = atomic_load_explicit(&c->ids, memory_order_relaxed);
    struct old_ids *retired = old_ids_new();
    struct id_root *root = retired ? id_index_change(old, add, adds, remove, removes, &garbage) : NULL;
    if (!root) {
        free(retired);
        return false;
    }
    atomic_store_explicit(&c->ids, root, memory_order_release);
    atomic_store_explicit(&c->ids_memory, id_root_allocated(root), memory_order_relaxed);
    cache_retire_ids(c, retired, old, garbage);
    return true;
}

static bool is_listed(const struct cache *c, int64_t id)
{
    return id_index_has(atomic_load_explicit(&c->ids, memory_order_relaxed), id);
}

/* What the slot shows once this entry was judged; NULL: nothing. */
static const struct entry *shown_after(const struct entry *e, enum publish_result result, const struct slot *slot)
{
    if (result == PUBLISH_DONE) {
        return e;
    }
    return slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
}

/* The first pass of cache_publish: results, and the ids that come and go. Also for entries that are dropped: the index
 * may lack a product since a publish that had no memory for it. */
static void sort_out(struct cache *c, struct entry **entries, size_t count, enum publish_result *results,
                     struct slot **slots, int64_t *come, size_t *comes, int64_t *go, size_t *goes)
{
    for (size_t i = 0; i < count; i++) {
        slots[i] = cache_slot(c, entries[i]->id, true);
        results[i] = judge(c, entries[i], slots[i]);
        if (results[i] == PUBLISH_OLD && fills(entries[i], slots[i])) {
            results[i] = PUBLISH_DONE;
        }
        const struct entry *shown = shown_after(entries[i], results[i], slots[i]);
        if (!shown || shown->exists == is_listed(c, shown->id)) {
            continue;
        }
        if (shown->exists) {
            come[(*comes)++] = shown->id;
        } else {
            go[(*goes)++] = shown->id;
        }
    }
}

/* Without memory for the index, lists lack products that are there. */
static void fail_listing(struct cache *c, struct slot **slots, size_t count, enum publish_result *results)
{
    atomic_store_explicit(&c->complete, false, memory_order_release);
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = slots[i] ? atomic_load_explicit(&slots[i]->entry, memory_order_relaxed) : NULL;
        if (e && e->exists && !is_listed(c, e->id)) {
            results[i] = PUBLISH_NO_MEMORY;
        }
    }
}

static void fail_all(struct entry **entries, size_t count, enum publish_result *results)
{
    for (size_t i = 0; i < count; i++) {
        results[i] = PUBLISH_NO_MEMORY;
        entry_unpin(entries[i]);
        entries[i] = NULL;
    }
}

/* After the index has changed: whoever sees that nothing is arriving finds it there. */
static void end_arrivals(struct cache *c, struct slot **slots, size_t count)
{
    size_t arrived = 0;
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = slots[i];
        const struct entry *e = slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
        if (e && slot->arriving && e->stamp >= atomic_load_explicit(&slot->mark, memory_order_relaxed) &&
            e->exists == is_listed(c, e->id)) {
            slot->arriving = false;
            arrived++;
        }
    }
    atomic_fetch_sub_explicit(&c->arriving, arrived, memory_order_release);
}

void cache_publish(struct cache *c, struct entry **entries, size_t count, enum publish_result *results)
{
    struct slot *slots[PUBLISH_MAX];
    int64_t come[PUBLISH_MAX] = {0};
    int64_t go[PUBLISH_MAX] = {0};
    size_t comes = 0;
    size_t goes = 0;
    ENSURE(count <= PUBLISH_MAX);
    sort_out(c, entries, count, results, slots, come, &comes, go, &goes);
    if (!change_ids(c, NULL, 0, go, goes)) {
        fail_all(entries, count, results);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (results[i] == PUBLISH_DONE) {
            replace(c, slots[i], &entries[i]);
        } else {
            entry_unpin(entries[i]);
            entries[i] = NULL;
        }
    }
    if (!change_ids(c, come, comes, NULL, 0)) {
        fail_listing(c, slots, count, results);
    }
    end_arrivals(c, slots, count);
}

void cache_forget(struct cache *c, struct slot *slot)
{
    ENSURE(!is_listed(c, slot->id) && slot->queue == 0 && !slot->fetching && !slot->arriving);
    cache_map_cache = c;
    ck_hs_remove(&c->slots, cache_hash(slot->id), slot);
    struct entry *old = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    if (old) {
        account(c, old, -1);
        cache_retire_entry(c, old);
    }
    cache_retire_slot(c, slot);
    /* Removal leaves tombstones, which only a rebuild takes out. */
    if (++c->removed > cache_slots(c) / 4 + 1024) {
        c->removed = 0;
        ck_hs_rebuild(&c->slots);
    }
}
