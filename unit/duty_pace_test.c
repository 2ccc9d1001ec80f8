/* When the log is read next, on duty and off; and what a second's count is. */
#include "unit.h"

#include "refresh/duty_pace.h"

enum { MS = 1000, POLL = 50 * MS, NOW = 1000000000 };

static void test_next_read(void **state)
{
    static const struct {
        const char *row;
        struct pace pace;
        int64_t poll, wait;
    } rows[] = {
        {"nobody is on duty", {.sent_us = NOW}, POLL, POLL},
        {"… whatever was heard", {.sent_us = NOW, .heard_us = NOW - 1, .found_us = NOW}, POLL, POLL},
        {"on duty, something found", {.sent_us = NOW, .found_us = NOW, .on_duty = true}, POLL, PACE_MIN_US},
        {"on duty, and reads take long",
         {.sent_us = NOW, .took_us = MS, .found_us = NOW, .on_duty = true},
         POLL,
         PACE_SHARE * MS},
        {"… longer still", {.sent_us = NOW, .took_us = 60 * MS, .found_us = NOW, .on_duty = true}, POLL, PACE_MAX_US},
        {"on duty, nothing for 8 ms",
         {.sent_us = NOW, .found_us = NOW - 8 * MS, .on_duty = true, .silent = true},
         POLL,
         2 * MS},
        {"on duty, nothing for a minute",
         {.sent_us = NOW, .found_us = NOW - 60000 * MS, .on_duty = true},
         POLL,
         PACE_MAX_US},
        {"on duty, nothing ever", {.sent_us = NOW, .on_duty = true}, POLL, PACE_MAX_US},
        {"on duty, polled even more often", {.sent_us = NOW, .on_duty = true}, MS, MS},
        {"another one is, heard just now", {.sent_us = NOW, .heard_us = NOW, .silent = true}, POLL, POLL},
        {"… a while ago", {.sent_us = NOW, .heard_us = NOW - 60 * MS, .silent = true}, POLL, 40 * MS},
        {"… and never since", {.sent_us = NOW, .heard_us = NOW - 100 * MS, .silent = true}, POLL, PACE_DISTRUST_US},
        {"… for an hour", {.sent_us = NOW, .heard_us = 0, .silent = true}, POLL, PACE_DISTRUST_US},
        {"… heard, but polled more often", {.sent_us = NOW, .heard_us = NOW, .silent = true}, MS, MS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_ROW(rows[i].row, pace_next_read_us(&rows[i].pace, rows[i].poll) == NOW + rows[i].wait);
    }
}

/* The bound that duty must keep: whatever the pace, the log is read within --poll-ms. */
static void test_never_later_than_polled(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct pace p = {.sent_us = NOW,
                         .took_us = (int64_t)(random_next(&random) % (10 * MS)),
                         .found_us = NOW - (int64_t)(random_next(&random) % (300 * MS)),
                         .heard_us = NOW + 5 * MS - (int64_t)(random_next(&random) % (300 * MS)),
                         .silent = random_next(&random) % 2,
                         .on_duty = random_next(&random) % 2};
        int64_t wait = pace_next_read_us(&p, POLL) - NOW;
        assert_in_range(wait, 1, POLL);
        assert_true(!p.on_duty || wait <= PACE_MAX_US);
    }
}

static void test_rate(void **state)
{
    struct rate r = {0};
    (void)state;
    assert_int_equal(rate_sample(&r, 500, NOW), -1); /* the first one only begins */
    assert_int_equal(rate_sample(&r, 600, NOW + 999999), -1);
    assert_int_equal(rate_sample(&r, 600, NOW + 1000000), 100);
    assert_int_equal(rate_sample(&r, 600, NOW + 2000000), 0);
    assert_int_equal(rate_sample(&r, 700, NOW + 4000000), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_read),
        cmocka_unit_test(test_never_later_than_polled),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
