/* The cache when memory runs out: whichever allocation fails, nothing false is shown or listed, nothing leaks, and what
 * was not published can be published later. */
#include "unit.h"

#include "allocation.h"
#include "cache/cache.h"

static struct cache *cache;
static struct guard *guard;

static struct entry *make(int64_t id, bool exists, stamp s)
{
    struct entry *e = entry_new(id, exists, 10);
    assert_non_null(e);
    e->stamp = s;
    return e;
}

/* Products 10, 20, … 400 at stamp 1. */
static void set_up_cache(void)
{
    struct error e;
    struct entry *entries[40];
    enum publish_result results[40];
    allocation_fail_at(0);
    assert_true(cache_new(&cache, 0, &e));
    guard = guard_new(cache);
    assert_non_null(guard);
    for (int64_t i = 0; i < 40; i++) {
        entries[i] = make(i * 10 + 10, true, 1);
    }
    cache_publish(cache, entries, 40, results);
    cache_set_complete(cache);
}

static void tear_down_cache(void)
{
    allocation_fail_at(0);
    guard_free(&guard);
    cache_free(&cache);
}

/* A listed product is there; one that is there is listed, or the cache says that it is not complete. */
static void check_list(void)
{
    int64_t ids[1000];
    size_t listed = id_index_copy(cache_ids(guard), 0, ids, COUNT(ids));
    for (size_t i = 0; i < listed; i++) {
        struct found found = cache_get(guard, ids[i]);
        assert_true(found.entry && found.entry->exists);
    }
    assert_true(listed == cache_entries(cache) || (listed < cache_entries(cache) && !cache_is_complete(cache)));
}

enum { CHANGES = 30 };

/* Deletes 10, 20, … and adds 11, 22, …, in one batch of ascending ids. */
static void publish_changes(stamp s, enum publish_result results[CHANGES])
{
    struct entry *entries[CHANGES];
    for (int64_t i = 0; i < CHANGES / 2; i++) {
        entries[2 * i] = make(i * 10 + 10, false, s);
        entries[2 * i + 1] = make(i * 10 + 10 + i % 9 + 1, true, s);
    }
    cache_publish(cache, entries, CHANGES, results);
    for (size_t i = 0; i < CHANGES; i++) {
        assert_null(entries[i]);
    }
}

static void check_result(size_t i, enum publish_result result)
{
    int64_t base = (int64_t)(i / 2) * 10 + 10;
    struct found found = cache_get(guard, i % 2 ? base + (int64_t)(i / 2) % 9 + 1 : base);
    if (result == PUBLISH_DONE) {
        assert_true(found.entry && found.entry->stamp == 2 && found.entry->exists == (i % 2 == 1));
    } else {
        assert_int_equal(result, PUBLISH_NO_MEMORY);
        assert_true(!found.entry || found.entry->stamp == 1 || !id_index_has(cache_ids(guard), found.entry->id));
    }
}

/* Entries are made before the failure is armed, so that what fails is inside cache_publish. */
static bool publish_with_failure(size_t n)
{
    struct entry *entries[CHANGES];
    enum publish_result results[CHANGES];
    for (int64_t i = 0; i < CHANGES / 2; i++) {
        entries[2 * i] = make(i * 10 + 10, false, 2);
        entries[2 * i + 1] = make(i * 10 + 10 + i % 9 + 1, true, 2);
    }
    allocation_fail_at(n);
    cache_publish(cache, entries, CHANGES, results);
    bool refused = allocation_was_refused();
    allocation_fail_at(0);
    for (size_t i = 0; i < CHANGES; i++) {
        assert_null(entries[i]);
        check_result(i, results[i]);
    }
    check_list();
    return refused;
}

static void test_publish(void **state)
{
    size_t n = 1;
    bool refused = true;
    (void)state;
    for (; refused; n++) {
        enum publish_result results[CHANGES];
        set_up_cache();
        refused = publish_with_failure(n);
        assert_true(refused || cache_is_complete(cache));
        /* Memory is there again: the same read of Postgres, made once more, makes all right. */
        publish_changes(2, results);
        assert_int_equal(cache_entries(cache), 40);
        assert_int_equal(id_index_count(cache_ids(guard)), 40);
        check_list();
        tear_down_cache();
    }
    assert_true(n > CHANGES / 2 + 4); /* slots, leaves and roots were all refused once */
}

static void test_slots(void **state)
{
    (void)state;
    set_up_cache();
    allocation_fail_at(1);
    assert_null(cache_slot(cache, 7, true));
    assert_non_null(cache_slot(cache, 7, true));
    /* The table cannot grow: one slot is refused, those that are there stay. */
    int64_t id = 1000;
    for (bool refused = false; !refused && id < 5000; id++) {
        allocation_fail_at(2); /* the slot itself is the first */
        refused = !cache_slot(cache, id, true);
    }
    assert_in_range(id, 1100, 4000);
    allocation_fail_at(0);
    assert_null(cache_slot(cache, id - 1, false));
    assert_non_null(cache_slot(cache, id - 1, true));
    for (int64_t k = 1000; k < id; k++) {
        assert_non_null(cache_slot(cache, k, false));
    }
    tear_down_cache();
}

static void test_new(void **state)
{
    struct error e = {0};
    bool ok = false;
    (void)state;
    for (size_t n = 1; !ok; n++) {
        struct cache *c = NULL;
        allocation_fail_at(n);
        ok = cache_new(&c, 100000, &e);
        assert_int_equal(ok, !allocation_was_refused());
        assert_int_equal(c != NULL, ok);
        assert_true(ok || e.code == ERROR_SYSTEM);
        allocation_fail_at(1);
        assert_null(ok ? guard_new(c) : NULL);
        cache_free(&c);
    }
}

static void test_forget(void **state)
{
    (void)state;
    set_up_cache();
    /* The rebuild that removes the tombstones has no memory: all goes on. */
    for (int64_t id = 1000; id < 4000; id++) {
        struct slot *slot = cache_slot(cache, id, true);
        assert_non_null(slot);
        allocation_fail_at(1);
        cache_forget(cache, slot);
        allocation_fail_at(0);
        assert_null(cache_slot(cache, id, false));
    }
    check_list();
    tear_down_cache();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
