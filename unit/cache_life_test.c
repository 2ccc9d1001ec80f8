/* The lives of slots and entries, one thread: when they come, when they may go, and that they stay while somebody
 * looks. */
#include "cache_fixture.h"

#include "cache/cache_state.h"

/* ---- slots ---------------------------------------------------------------------------------- */

static void test_slot(void **state)
{
    struct fixture *f = *state;
    assert_null(cache_slot(f->cache, 3, false));
    struct slot *slot = cache_slot(f->cache, 3, true);
    assert_int_equal(slot->id, 3);
    assert_ptr_equal(cache_slot(f->cache, 3, true), slot);
    assert_ptr_equal(cache_slot(f->cache, 3, false), slot);
    assert_null(cache_slot(f->cache, 4, false));
    assert_ptr_not_equal(cache_slot(f->cache, INT64_MAX, true), slot);
    assert_int_equal(cache_slots(f->cache), 2);
}

static void count_visit(struct slot *slot, void *context)
{
    unsigned char *seen = context;
    seen[slot->id]++;
}

static void test_growth(void **state)
{
    enum { SLOTS = 20000 };
    static unsigned char seen[SLOTS + 1];
    struct fixture *f = *state;
    for (int64_t id = 1; id <= SLOTS; id++) {
        assert_non_null(cache_slot(f->cache, id, true));
    }
    assert_int_equal(cache_slots(f->cache), SLOTS);
    for (int64_t id = 1; id <= SLOTS; id++) {
        struct slot *slot = cache_slot(f->cache, id, false);
        assert_true(slot && slot->id == id);
    }
    cache_each(f->cache, count_visit, seen);
    for (int64_t id = 1; id <= SLOTS; id++) {
        assert_int_equal(seen[id], 1);
    }
}

static void test_forget(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, false, 5);
    cache_forget(f->cache, cache_slot(f->cache, 3, false));
    assert_null(cache_slot(f->cache, 3, false));
    assert_int_equal(cache_slots(f->cache), 0);
    assert_int_equal(cache_bytes(f->cache), 0);
    assert_false(get(f, 3).absent);
    cache_set_complete(f->cache);
    assert_true(get(f, 3).absent);
    cache_forget(f->cache, cache_slot(f->cache, 4, true)); /* one that was never filled */
    publish(f, 3, true, 6);
    CHECK_IDS(f, 3);
}

static void test_forget_too_early(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    CHECK_ABORTS(cache_forget(f->cache, cache_slot(f->cache, 3, false))); /* is listed */
    struct slot *slot = cache_slot(f->cache, 4, true);
    slot->fetching = true;
    CHECK_ABORTS(cache_forget(f->cache, slot));
    slot->fetching = false;
    slot->queue = 1;
    CHECK_ABORTS(cache_forget(f->cache, slot));
}

/* Unknown ids come and go for ever; the table must not fill with what was removed. */
static void test_forget_many(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 1; id <= 500; id++) {
        publish(f, id, true, 1);
    }
    for (int64_t id = 1000; id < 12000; id++) {
        publish(f, id, false, 1);
        cache_forget(f->cache, cache_slot(f->cache, id, false));
        cache_reclaim(f->cache);
    }
    struct ck_hs_stat stat;
    ck_hs_stat(&f->cache->slots, &stat);
    assert_true(stat.tombstones < 2000); /* of 11,000 */
    assert_int_equal(cache_slots(f->cache), 500);
    for (int64_t id = 1; id <= 500; id++) {
        assert_non_null(get(f, id).entry);
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_guard_keeps(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    guard_enter(f->guard);
    const struct entry *e = cache_get(f->guard, 3).entry;
    const struct id_root *ids = cache_ids(f->guard);
    publish(f, 3, false, 6);
    cache_forget(f->cache, cache_slot(f->cache, 3, false));
    for (int i = 0; i < 10; i++) {
        cache_reclaim(f->cache);
    }
    assert_int_equal(e->stamp, 5); /* the address sanitizer watches */
    assert_int_equal(e->bytes[50], 3);
    assert_true(id_index_has(ids, 3));
    assert_true(f->cache->writer.n_pending > 0);
    guard_leave(f->guard);
    for (int i = 0; i < 10; i++) {
        cache_reclaim(f->cache);
    }
    assert_int_equal(f->cache->writer.n_pending, 0); /* all of it is given back */
}

static void test_pin_keeps(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    guard_enter(f->guard);
    const struct entry *e = cache_get(f->guard, 3).entry;
    entry_pin(e);
    guard_leave(f->guard);
    publish(f, 3, true, 6);
    for (int i = 0; i < 10; i++) {
        cache_reclaim(f->cache);
    }
    assert_int_equal(atomic_load(&e->pins), 1); /* the cache's own is given back: ours is the last */
    assert_int_equal(e->stamp, 5);
    entry_unpin(e);
}

static void test_too_large_an_entry(void **state)
{
    (void)state;
    assert_null(entry_new(1, true, UINT32_MAX));
    assert_null(entry_new(1, true, SIZE_MAX));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_slot),        TEST(test_growth),      TEST(test_forget),    TEST(test_forget_too_early),
        TEST(test_forget_many), TEST(test_guard_keeps), TEST(test_pin_keeps), TEST(test_too_large_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
