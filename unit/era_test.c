/* The number of an era: the same on every replica, later lives larger, no two alike. */
#include "unit.h"

#include "refresh/pg.h"

static const uint64_t system_id = UINT64_C(7312345678901234567);
static const int64_t start_us = INT64_C(1800000000123456);

static void test_same(void **state)
{
    (void)state;
    assert_int_equal(era_number(system_id, 1, start_us), era_number(system_id, 1, start_us));
    /* Milliseconds count: a clock that is read twice may differ below. */
    assert_int_equal(era_number(system_id, 1, start_us), era_number(system_id, 1, start_us + 1));
}

/* A golden number: replicas of two builds must agree, and clients keep it. */
static void test_golden(void **state)
{
    (void)state;
    assert_int_equal(era_number(system_id, 1, start_us), UINT64_C(117964800008099667));
}

static void test_later_is_larger(void **state)
{
    static const int64_t later_us[] = {1000, 2000, 1000000, INT64_C(3600) * 1000000, INT64_C(31536000) * 1000000};
    (void)state;
    for (size_t i = 0; i < COUNT(later_us); i++) {
        /* whatever else changes with it */
        assert_true(era_number(system_id, 1, start_us) < era_number(~system_id, 9, start_us + later_us[i]));
        assert_true(era_number(~system_id, 9, start_us) < era_number(system_id, 1, start_us + later_us[i]));
    }
}

static void test_tells_apart(void **state)
{
    (void)state;
    uint64_t number = era_number(system_id, 1, start_us);
    assert_true(number != era_number(system_id, 2, start_us));
    assert_true(number != era_number(system_id + 1, 1, start_us));
    assert_true(number != 0 && era_number(0, 0, 1000) != 0); /* 0 is "not known yet" */
}

/* It fits a JSON number of a log line and a 64-bit signed integer for a long time. */
static void test_fits(void **state)
{
    (void)state;
    assert_true(era_number(UINT64_MAX, UINT32_MAX, INT64_C(4102444800) * 1000000) < (uint64_t)INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),        cmocka_unit_test(test_golden), cmocka_unit_test(test_later_is_larger),
        cmocka_unit_test(test_tells_apart), cmocka_unit_test(test_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
