/* A cache with one guard, and what the tests of the cache do with them. */
#pragma once
#include "cache/cache.h"
#include "unit.h"

struct fixture {
    struct cache *cache;
    struct guard *guard;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error e;
    assert_true(f && cache_new(&f->cache, 0, &e));
    f->guard = guard_new(f->cache);
    assert_non_null(f->guard);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    guard_free(&f->guard);
    cache_free(&f->cache);
    assert_null(f->cache);
    free(f);
    return 0;
}

/* ---- helpers -------------------------------------------------------------------------------- */

static inline struct entry *make(int64_t id, bool exists, stamp s)
{
    struct entry *e = entry_new(id, exists, 100);
    assert_non_null(e);
    memset(e->bytes, (int)id, e->size - sizeof *e);
    e->stamp = s;
    return e;
}

static inline enum publish_result publish(struct fixture *f, int64_t id, bool exists, stamp s)
{
    struct entry *e = make(id, exists, s);
    enum publish_result result;
    cache_publish(f->cache, &e, 1, &result);
    assert_null(e); /* taken, whatever became of it */
    return result;
}

static inline struct found get(struct fixture *f, int64_t id)
{
    guard_enter(f->guard);
    struct found found = cache_get(f->guard, id);
    guard_leave(f->guard);
    return found;
}

static inline void mark(struct fixture *f, int64_t id, stamp s)
{
    struct slot *slot = cache_slot(f->cache, id, true);
    assert_non_null(slot);
    cache_mark(f->cache, slot, s);
}

/* The ids that are listed, against `expected`, which ends with 0. */
static inline void check_ids(struct fixture *f, const int64_t *expected)
{
    int64_t ids[64];
    size_t count = 0;
    guard_enter(f->guard);
    size_t listed = id_index_copy(cache_ids(f->guard), 0, ids, COUNT(ids));
    guard_leave(f->guard);
    while (expected[count]) {
        count++;
    }
    assert_int_equal(listed, count);
    assert_memory_equal(ids, expected, count * sizeof *ids);
}
#define CHECK_IDS(f, ...) check_ids(f, (const int64_t[]){__VA_ARGS__ __VA_OPT__(, ) 0})
