#include "unit.h"

#include "cache/stamp.h"

static const uint64_t version_max = (UINT64_C(1) << STAMP_VERSION_BITS) - 1;

static void test_parts(void **state)
{
    static const struct {
        uint32_t era;
        uint64_t version;
    } rows[] = {{0, 0}, {0, 1}, {1, 0}, {7, 795}, {STAMP_ERAS - 1, (UINT64_C(1) << STAMP_VERSION_BITS) - 1}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        stamp s = stamp_make(rows[i].era, rows[i].version);
        assert_int_equal(stamp_era_index(s), rows[i].era);
        assert_int_equal(stamp_version(s), rows[i].version);
    }
}

/* A later era is newer than anything of an earlier one; within an era the version decides. */
static void test_order(void **state)
{
    const stamp ascending[] = {
        stamp_make(0, 0), stamp_make(0, version_max), stamp_make(1, 0), stamp_make(1, 5),
        stamp_make(1, 6), stamp_make(1, version_max), stamp_make(2, 1), stamp_make(STAMP_ERAS - 1, 0)};
    (void)state;
    for (size_t i = 1; i < COUNT(ascending); i++) {
        assert_true(ascending[i - 1] < ascending[i]);
    }
}

/* One that does not fit would look older than all others: better no server than a stale one. */
static void test_overflow(void **state)
{
    (void)state;
    CHECK_ABORTS(stamp_make(STAMP_ERAS, 0));
    CHECK_ABORTS(stamp_make(0, version_max + 1));
    CHECK_ABORTS(stamp_make(UINT32_MAX, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
