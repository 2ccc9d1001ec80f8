/* Sets and maps of ids, dense, scattered, and at the ends of the range. */
#include "unit.h"

#include "load/id_map.h"
#include "load/stream.h"

static void test_an_empty_one(void **state)
{
    struct id_map map = {0};
    struct id_set set = {0};
    (void)state;
    assert_null(id_map_find(&map, 1));
    assert_null(id_map_find(&map, 0));
    assert_false(id_set_has(&set, 1));
    id_map_fini(&map);
    id_set_fini(&set);
}

static void test_a_set_tells_a_repeat(void **state)
{
    struct id_set set = {0};
    (void)state;
    assert_int_equal(id_set_add(&set, 7), ID_ADDED);
    assert_int_equal(id_set_add(&set, 7), ID_PRESENT);
    assert_true(id_set_has(&set, 7));
    assert_false(id_set_has(&set, 6));
    assert_false(id_set_has(&set, 8));
    assert_false(id_set_has(&set, 7 + 64));
    id_set_fini(&set);
}

static void test_the_ends_of_the_range(void **state)
{
    struct id_set set = {0};
    static const uint64_t ids[] = {0, 1, 63, 64, INT64_MAX, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_false(id_set_has(&set, ids[i]));
        assert_int_equal(id_set_add(&set, ids[i]), ID_ADDED);
        assert_true(id_set_has(&set, ids[i]));
    }
    id_set_fini(&set);
}

static void test_a_map_keeps_values_through_growth(void **state)
{
    enum { COUNT = 100000 };
    struct id_map map = {0};
    struct stream random = {.state = 1};
    (void)state;
    for (uint64_t i = 1; i <= COUNT; i++) {
        uint64_t *value = id_map_put(&map, stream_next(&random) | 1);
        assert_non_null(value);
        assert_int_equal(*value, 0);
        *value = i;
    }
    assert_int_equal(map.count, COUNT);
    assert_true(map.count <= map.cap / 4 * 3);
    random.state = 1;
    for (uint64_t i = 1; i <= COUNT; i++) {
        const uint64_t *value = id_map_find(&map, stream_next(&random) | 1);
        assert_non_null(value);
        assert_int_equal(*value, i);
    }
    assert_null(id_map_find(&map, 2));
    id_map_fini(&map);
    assert_int_equal(map.count, 0);
}

static void test_dense_ids_share_slots(void **state)
{
    struct id_set set = {0};
    (void)state;
    for (uint64_t id = 1; id <= 1000000; id++) {
        assert_int_equal(id_set_add(&set, id), ID_ADDED);
    }
    assert_true(set.pages.cap <= 32768); /* half a megabyte */
    assert_false(id_set_has(&set, 1000001));
    id_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_one),          cmocka_unit_test(test_a_set_tells_a_repeat),
        cmocka_unit_test(test_the_ends_of_the_range), cmocka_unit_test(test_a_map_keeps_values_through_growth),
        cmocka_unit_test(test_dense_ids_share_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
