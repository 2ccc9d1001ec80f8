/* What the cache says of its memory, and entries that are left out for want of room. */

#include "cache_fixture.h"

static struct entry *left_out(int64_t id, stamp s)
{
    struct entry *e = make(id, true, s);
    entry_leave_out(&e);
    return e;
}

static enum publish_result publish_left_out(struct fixture *f, int64_t id, stamp s)
{
    struct entry *e = left_out(id, s);
    enum publish_result result;
    cache_publish(f->cache, &e, 1, &result);
    return result;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void test_payload(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cache_payload(f->cache), 0);
    publish(f, 1, true, 5);
    publish(f, 2, true, 5);
    publish(f, 3, false, 5); /* has bytes in this test, but no documents */
    assert_int_equal(cache_payload(f->cache), 200);
    publish(f, 1, true, 4); /* dropped */
    publish(f, 1, true, 6);
    assert_int_equal(cache_payload(f->cache), 200);
    publish(f, 1, false, 7);
    assert_int_equal(cache_payload(f->cache), 100);
}

/* A refused product has bytes that are no document. */
static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct entry *e = entry_new_refused(4, "too large");
    enum publish_result result;
    assert_true(e && e->exists && e->refused && !e->left_out);
    assert_string_equal(e->bytes, "too large");
    e->stamp = 5;
    cache_publish(f->cache, &e, 1, &result);
    assert_int_equal(result, PUBLISH_DONE);
    assert_int_equal(cache_payload(f->cache), 0);
    assert_int_equal(cache_left_out(f->cache), 0);
    assert_int_equal(cache_entries(f->cache), 1);
}

/* Each entry counts as what the heap takes for it; all that came goes again, but for a table that has grown. */
static void test_memory(void **state)
{
    enum { MANY = 5000 };
    struct fixture *f = *state;
    size_t empty = cache_memory(f->cache);
    assert_true(empty >= 1024 * sizeof(void *));
    publish(f, 1, true, 5);
    size_t one = cache_memory(f->cache);
    assert_in_range(one - empty, sizeof(struct entry) + 100 + sizeof(struct slot) + sizeof(int64_t),
                    sizeof(struct entry) + 100 + sizeof(struct slot) + 150);
    publish(f, 1, true, 6);
    assert_int_equal(cache_memory(f->cache), one);
    for (int64_t id = 2; id <= MANY; id++) {
        publish(f, id, true, 6);
        cache_reclaim(f->cache);
    }
    size_t full = cache_memory(f->cache);
    for (int64_t id = 1; id <= MANY; id++) {
        publish(f, id, false, 7);
        cache_forget(f->cache, cache_slot(f->cache, id, false));
        cache_reclaim(f->cache);
    }
    for (int i = 0; i < 10; i++) {
        cache_reclaim(f->cache);
    }
    size_t again = cache_memory(f->cache);
    assert_true(again < full / 2 && again >= empty);
    assert_true(again < empty + MANY * sizeof(void *) * 5); /* the table */
}

static void test_allocated(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 100; bytes++) {
        struct entry *e = entry_new(1, true, bytes);
        assert_non_null(e);
        assert_int_equal(entry_allocated(e) % 16, 0);
        assert_in_range(entry_allocated(e), e->size + 8, e->size + 8 + 15);
        entry_unpin(e);
    }
}

/* ---- left out ------------------------------------------------------------------------------- */

static void test_left_out(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(publish_left_out(f, 7, 5), PUBLISH_DONE);
    struct found found = get(f, 7);
    assert_true(found.entry && found.entry->refused && found.entry->left_out && found.entry->exists);
    assert_int_equal(found.entry->size, sizeof(struct entry));
    assert_int_equal(found.entry->stamp, 5);
    assert_int_equal(cache_left_out(f->cache), 1);
    assert_int_equal(cache_entries(f->cache), 1);
    assert_int_equal(cache_payload(f->cache), 0);
    CHECK_IDS(f, 7);
    publish(f, 7, false, 6);
    assert_int_equal(cache_left_out(f->cache), 0);
}

/* old: what is there, whole or left out; then what comes, of the same stamp or another one. */
static const struct {
    const char *row;
    bool old_left_out, new_left_out;
    stamp old, new;
    enum publish_result result;
} rules[] = {
    {"filled from the same snapshot", true, false, 5, 5, PUBLISH_DONE},
    {"filled from a newer one", true, false, 5, 6, PUBLISH_DONE},
    {"not from an older one", true, false, 5, 4, PUBLISH_OLD},
    {"left out again", true, true, 5, 5, PUBLISH_OLD},
    {"left out again, newer", true, true, 5, 6, PUBLISH_DONE},
    {"whole stays whole", false, true, 5, 5, PUBLISH_OLD},
    {"the same twice", false, false, 5, 5, PUBLISH_OLD},
};

static void test_rules(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        int64_t id = (int64_t)i + 1;
        enum publish_result first =
            rules[i].old_left_out ? publish_left_out(f, id, rules[i].old) : publish(f, id, true, rules[i].old);
        enum publish_result second =
            rules[i].new_left_out ? publish_left_out(f, id, rules[i].new) : publish(f, id, true, rules[i].new);
        CHECK_ROW(rules[i].row, first == PUBLISH_DONE && second == rules[i].result);
    }
}

/* A mark is stronger than the wish to fill. */
static void test_marked(void **state)
{
    struct fixture *f = *state;
    publish_left_out(f, 7, 5);
    mark(f, 7, 6);
    assert_int_equal(publish(f, 7, true, 5), PUBLISH_AGAIN);
    assert_true(get(f, 7).marked && get(f, 7).entry->left_out);
    assert_int_equal(publish(f, 7, true, 6), PUBLISH_DONE);
    assert_false(get(f, 7).marked);
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cache_memory_limit(f->cache), 0);
    cache_set_memory_limit(f->cache, 12345);
    assert_int_equal(cache_memory_limit(f->cache), 12345);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_payload),  TEST(test_refused), TEST(test_memory), TEST(test_allocated),
        TEST(test_left_out), TEST(test_rules),   TEST(test_marked), TEST(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
