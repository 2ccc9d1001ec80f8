/* The cache's rules, one thread: what is published, what a reader is shown, what is listed. */

#include "cache_fixture.h"

/* ---- publishing ----------------------------------------------------------------------------- */

static void test_first(void **state)
{
    struct fixture *f = *state;
    assert_null(cache_ids(f->guard));
    assert_null(cache_applied(f->guard));
    assert_int_equal(publish(f, 7, true, 5), PUBLISH_DONE);
    struct found found = get(f, 7);
    assert_true(found.entry && !found.marked && !found.absent);
    assert_int_equal(found.entry->id, 7);
    assert_int_equal(found.entry->stamp, 5);
    assert_int_equal(found.entry->bytes[99], 7);
    CHECK_IDS(f, 7);
    assert_int_equal(cache_entries(f->cache), 1);
    assert_int_equal(cache_slots(f->cache), 1);
    assert_int_equal(cache_bytes(f->cache), sizeof(struct entry) + 100);
}

#define ERA(index, version) ((stamp)(index) << STAMP_VERSION_BITS | (version))

/* old 0: nothing there; mark and floor 0: none. */
static const struct rule {
    const char *row;
    stamp old, mark, floor, stamp;
    enum publish_result result;
    bool marked; /* what is shown afterwards */
} rules[] = {
    {"the first", 0, 0, 0, 5, PUBLISH_DONE, false},
    {"newer", 5, 0, 0, 6, PUBLISH_DONE, false},
    {"the same", 5, 0, 0, 5, PUBLISH_OLD, false},
    {"older", 5, 0, 0, 4, PUBLISH_OLD, false},
    {"the first, announced later", 0, 6, 0, 5, PUBLISH_AGAIN, false},
    {"the first, as announced", 0, 6, 0, 6, PUBLISH_DONE, false},
    {"the first, after the announcement", 0, 6, 0, 7, PUBLISH_DONE, false},
    {"newer, but announced later", 5, 7, 0, 6, PUBLISH_AGAIN, true},
    {"newer, as announced", 5, 7, 0, 7, PUBLISH_DONE, false},
    {"announced, and already there", 7, 6, 0, 6, PUBLISH_OLD, false},
    {"older than all", 7, 6, 0, 5, PUBLISH_AGAIN, false},
    {"everything announced later", 5, 0, 7, 6, PUBLISH_AGAIN, true},
    {"everything, as announced", 5, 0, 7, 7, PUBLISH_DONE, false},
    {"everything, then this one", 5, 9, 7, 8, PUBLISH_AGAIN, true},
    {"this one, then everything", 5, 7, 9, 8, PUBLISH_AGAIN, true},
    {"a later era with a lower version", ERA(1, 900), 0, 0, ERA(2, 3), PUBLISH_DONE, false},
    {"an earlier era with a higher version", ERA(2, 3), 0, 0, ERA(1, 900), PUBLISH_OLD, false},
    {"an earlier era's mark refuses nothing", ERA(1, 5), ERA(1, 900), 0, ERA(2, 3), PUBLISH_DONE, false},
    {"an earlier era's floor refuses nothing", ERA(1, 5), 0, ERA(1, 900), ERA(2, 3), PUBLISH_DONE, false},
};

static void test_rules(void **state)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct rule *r = &rules[i];
        struct fixture *f;
        set_up((void **)&f);
        CHECK_ROW(r->row, !r->old || publish(f, 3, true, r->old) == PUBLISH_DONE);
        if (r->mark) {
            mark(f, 3, r->mark);
        }
        if (r->floor) {
            cache_mark_all(f->cache, r->floor);
            CHECK_ROW(r->row, cache_floor(f->cache) == r->floor);
        }
        CHECK_ROW(r->row, publish(f, 3, true, r->stamp) == r->result);
        struct found found = get(f, 3);
        stamp shown = r->result == PUBLISH_DONE ? r->stamp : r->old;
        CHECK_ROW(r->row, (found.entry ? found.entry->stamp : 0) == shown);
        CHECK_ROW(r->row, found.marked == r->marked && !found.absent);
        CHECK_ROW(r->row, cache_entries(f->cache) == (shown != 0));
        tear_down((void **)&f);
    }
    (void)state;
}

/* One batch: each entry is judged for itself, lists change for those that were taken. */
static void test_batch(void **state)
{
    struct fixture *f = *state;
    publish(f, 2, true, 5);
    publish(f, 4, true, 5);
    mark(f, 6, 9);
    struct entry *entries[] = {make(1, true, 6), make(2, false, 6), make(3, false, 6),
                               make(4, true, 5), make(6, true, 8),  make(9, true, 6)};
    static const enum publish_result expected[] = {PUBLISH_DONE, PUBLISH_DONE,  PUBLISH_DONE,
                                                   PUBLISH_OLD,  PUBLISH_AGAIN, PUBLISH_DONE};
    enum publish_result results[COUNT(entries)];
    cache_publish(f->cache, entries, COUNT(entries), results);
    for (size_t i = 0; i < COUNT(entries); i++) {
        assert_null(entries[i]);
        assert_int_equal(results[i], expected[i]);
    }
    CHECK_IDS(f, 1, 4, 9);
    assert_int_equal(cache_entries(f->cache), 3);
    assert_int_equal(cache_slots(f->cache), 6);
}

static void test_largest_batch(void **state)
{
    struct fixture *f = *state;
    struct entry *entries[PUBLISH_MAX + 1];
    enum publish_result results[PUBLISH_MAX + 1];
    for (int i = 0; i <= PUBLISH_MAX; i++) {
        entries[i] = make(i + 1, true, 1);
    }
    CHECK_ABORTS(cache_publish(f->cache, entries, PUBLISH_MAX + 1, results));
    cache_publish(f->cache, entries, PUBLISH_MAX, results);
    assert_int_equal(cache_entries(f->cache), PUBLISH_MAX);
    cache_publish(f->cache, entries, 0, results);
    entry_unpin(entries[PUBLISH_MAX]);
}

/* ---- what is shown -------------------------------------------------------------------------- */

static void test_marks(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    publish(f, 4, true, 5);
    mark(f, 3, 5);
    assert_false(get(f, 3).marked); /* it has that change already */
    mark(f, 3, 8);
    assert_true(get(f, 3).marked);
    mark(f, 3, 7); /* nothing is un-marked */
    publish(f, 3, true, 7);
    assert_true(get(f, 3).marked);
    assert_int_equal(get(f, 3).entry->stamp, 5);
    publish(f, 3, true, 8);
    assert_false(get(f, 3).marked);
    assert_false(get(f, 4).marked);
}

/* A mark on a product that is not in memory keeps a fetch under way from bringing what is older. */
static void test_marks_without_an_entry(void **state)
{
    struct fixture *f = *state;
    cache_set_complete(f->cache);
    assert_true(get(f, 3).absent);
    mark(f, 3, 8);
    struct found found = get(f, 3);
    assert_true(!found.entry && !found.absent && !found.marked); /* nobody knows yet */
    assert_int_equal(publish(f, 3, false, 7), PUBLISH_AGAIN);
    assert_int_equal(publish(f, 3, true, 9), PUBLISH_DONE);
    assert_false(get(f, 3).absent);
}

static void test_absent(void **state)
{
    struct fixture *f = *state;
    assert_false(get(f, 3).absent); /* not loaded: unknown */
    publish(f, 3, false, 5);
    struct found found = get(f, 3);
    assert_true(found.absent && found.entry && !found.entry->exists && !found.marked);
    mark(f, 3, 6);
    found = get(f, 3);
    assert_true(found.absent && found.marked);
    publish(f, 3, true, 6);
    found = get(f, 3);
    assert_true(!found.absent && !found.marked && found.entry->exists);
    CHECK_IDS(f, 3);
    publish(f, 3, false, 7);
    assert_true(get(f, 3).absent);
    CHECK_IDS(f);
    assert_int_equal(cache_entries(f->cache), 0);
}

/* A list must not be called fresh while a product that was added is still to come. */
static void test_arriving(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    publish(f, 4, false, 5);
    assert_int_equal(cache_arriving(f->cache), 0);
    mark(f, 3, 6); /* listed: shows by itself that it is marked */
    assert_int_equal(cache_arriving(f->cache), 0);
    mark(f, 4, 6);
    mark(f, 4, 7);
    mark(f, 9, 7); /* never heard of */
    assert_int_equal(cache_arriving(f->cache), 2);
    assert_int_equal(publish(f, 4, true, 6), PUBLISH_AGAIN);
    CHECK_ABORTS(cache_forget(f->cache, cache_slot(f->cache, 9, false)));
    assert_int_equal(cache_arriving(f->cache), 2);
    publish(f, 4, true, 7);
    assert_int_equal(cache_arriving(f->cache), 1);
    publish(f, 9, false, 8); /* gone again */
    assert_int_equal(cache_arriving(f->cache), 0);
    CHECK_IDS(f, 3, 4);
    publish(f, 4, false, 9);
    mark(f, 4, 9); /* known already */
    assert_int_equal(cache_arriving(f->cache), 0);
}

static void test_complete(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    assert_false(cache_is_complete(f->cache) || cache_was_complete(f->cache));
    assert_false(get(f, 4).absent);
    cache_set_complete(f->cache);
    assert_true(cache_is_complete(f->cache) && cache_was_complete(f->cache));
    assert_true(get(f, 4).absent);
    cache_mark_all(f->cache, 6);
    assert_false(cache_is_complete(f->cache));
    assert_true(cache_was_complete(f->cache));
    assert_false(get(f, 4).absent);
    assert_true(get(f, 3).marked);
    publish(f, 3, true, 6);
    assert_false(get(f, 3).marked);
}

static void test_read_hint(void **state)
{
    struct fixture *f = *state;
    publish(f, 3, true, 5);
    struct slot *slot = cache_slot(f->cache, 3, false);
    assert_int_equal(atomic_load(&slot->read), 0);
    get(f, 3);
    assert_int_equal(atomic_load(&slot->read), 1);
    publish(f, 3, true, 6);
    assert_int_equal(atomic_load(&slot->read), 0);
}

/* ---- applied, proof ------------------------------------------------------------------------- */

static void set_applied(struct fixture *f, stamp s, const char *snapshot)
{
    struct error e;
    struct applied *a = calloc(1, sizeof *a);
    assert_true(a && snapshot_parse(snapshot, strlen(snapshot), &a->snapshot, &e));
    a->stamp = s;
    a->era = 77;
    cache_set_applied(f->cache, &a);
    assert_null(a);
}

static void test_applied(void **state)
{
    struct fixture *f = *state;
    set_applied(f, 5, "5:7:5,6");
    guard_enter(f->guard);
    const struct applied *first = cache_applied(f->guard);
    set_applied(f, 7, "7:7:");
    for (int i = 0; i < 10; i++) {
        cache_reclaim(f->cache);
    }
    assert_int_equal(first->stamp, 5); /* lives as long as somebody may look at it */
    assert_false(snapshot_sees(&first->snapshot, 6));
    assert_int_equal(cache_applied(f->guard)->stamp, 7);
    assert_int_equal(cache_applied(f->guard)->era, 77);
    guard_leave(f->guard);
    assert_int_equal(cache_proved_us(f->cache), 0);
    cache_set_proved(f->cache, 123);
    assert_int_equal(cache_proved_us(f->cache), 123);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_first),         TEST(test_rules),    TEST(test_batch),
        TEST(test_largest_batch), TEST(test_marks),    TEST(test_marks_without_an_entry),
        TEST(test_absent),        TEST(test_arriving), TEST(test_complete),
        TEST(test_read_hint),     TEST(test_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
