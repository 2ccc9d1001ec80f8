/* What the audit asks, and when: ranges without gaps, its pace, and what makes it hurry. */
#include "audit_bench.h"

/* ---- ranges --------------------------------------------------------------------------------- */

static void test_ranges_leave_no_gap(void **state)
{
    static const int64_t ids[] = {1, 2, 5, 9, 1000, INT64_MAX - 1};
    static const int64_t ends[] = {2, 9, INT64_MAX, 2, 4, 9, INT64_MAX};
    int64_t after = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        show(ids[i], true, 50, (uint64_t)ids[i]);
    }
    b.r.audit.size = 2;
    for (size_t i = 0; i < COUNT(ends); i++) {
        check_asked(FETCH_RANGE_DIGEST, after, ends[i]);
        answer_equal();
        let_time_pass();
        after = ends[i] == INT64_MAX ? 0 : ends[i];
        if (i == 3) {
            show(3, true, 60, 3); /* ranges are made of what is there now */
            show(4, true, 60, 4);
        }
    }
    CHECK_COUNT(cycles, 2);
}

static void test_nothing_is_a_range_too(void **state)
{
    (void)state;
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    ANSWER({0, 0});
    CHECK_COUNT(cycles, 1);
    let_time_pass();
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    ANSWER({0, 8});
    check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
    ANSWER({3, 8}); /* inserted past the triggers */
    CHECK_COUNT(inconsistent, 1);
}

/* ---- when ----------------------------------------------------------------------------------- */

static void fill_change_set(void)
{
    for (int64_t id = 1000; id < 1000 + FETCH_IDS_MAX + 1; id++) {
        mark_at(id, 95);
        refresher_want(&b.r, cache_slot(b.r.cache, id, false), URGENCY_REST);
    }
}

static void loading(void)
{
    b.r.load.running = true;
}

static void incomplete(void)
{
    cache_mark_all(b.r.cache, stamp_make(ERA, 95));
}

static void off(void)
{
    b.r.options.audit_cycle_s = 0;
    b.r.audit.next_row_counts_us = 0;
}

static void not_due(void)
{
    b.r.audit.next_us = INT64_MAX;
}

static void first_time(void)
{
    b.r.audit.size = 0; /* replicas that start at once begin at different times */
}

static void test_when_nothing_is_asked(void **state)
{
    static const struct {
        const char *name;
        void (*why)(void);
    } reasons[] = {{"many changes wait", fill_change_set},
                   {"loading", loading},
                   {"incomplete", incomplete},
                   {"off", off},
                   {"not due", not_due},
                   {"first time", first_time}};
    for (size_t i = 0; i < COUNT(reasons); i++) {
        begin(state);
        reasons[i].why();
        audit_step(&b.r);
        CHECK_ROW(reasons[i].name, !b.sent);
        end(state);
    }
}

/* It rests for twenty times what a range took, both questions together, and longer if the cycle has time. */
static void test_pace(void **state)
{
    static const struct {
        int64_t cycle_s;
        bool differs;
        int64_t least_us, most_us;
    } paces[] = {{600, false, 600000000 / 13, 600000000 / 11},
                 {600, true, 600000000 / 13, 600000000 / 11},
                 {1, false, 20 * 20000, 20 * 20000 + 100000},
                 {1, true, 2 * 20 * 20000, 2 * 20 * 20000 + 100000}};
    (void)state;
    for (int64_t id = 1; id <= 5000; id++) {
        show(id, true, 50, (uint64_t)id);
    }
    for (size_t i = 0; i < COUNT(paces); i++) {
        b.r.options.audit_cycle_s = paces[i].cycle_s;
        b.r.audit.after = 4900;
        let_time_pass();
        int64_t began = clock_us();
        check_asked(FETCH_RANGE_DIGEST, 4900, INT64_MAX);
        if (paces[i].differs) {
            ANSWER({0, 12345});
            check_asked(FETCH_PRODUCT_DIGESTS, 4900, INT64_MAX); /* at once */
        }
        answer_equal();
        assert_in_range(b.r.audit.next_us - began, paces[i].least_us, paces[i].most_us);
        audit_step(&b.r);
        assert_null(b.sent);
    }
}

static void test_size_adapts(void **state)
{
    static const struct {
        size_t before;
        int64_t took_us;
        size_t after;
    } rows[] = {{500, 20000, 500}, {500, 9000, 1000}, {1900, 9000, 2000}, {2000, 50000, 1000}, {1, 50000, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        begin(state);
        b.r.audit.size = rows[i].before;
        check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
        struct fetch *f = b.sent;
        f->ok = true;
        f->stamp = stamp_make(ERA, S);
        f->took_us = rows[i].took_us;
        f->digests = calloc(1, sizeof *f->digests);
        give_back();
        assert_int_equal(b.r.audit.size, rows[i].after);
        end(state);
    }
}

/* ---- alarms --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct row_counts before, now;
    bool alarm;
} counts[] = {
    {"nothing happened", {1, 10, 5}, {1, 10, 5}, false},
    {"changed and logged", {1, 10, 5}, {1, 12, 6}, false},
    {"changed and not logged", {1, 10, 5}, {1, 11, 5}, true},
    {"logged, and nothing changed (TRUNCATE)", {1, 10, 5}, {1, 10, 6}, false},
    {"other tables (a swap), before its log row is counted", {1, 10, 5}, {2, 5000, 5}, false},
    {"statistics were reset", {1, 10, 5}, {1, 3, 5}, false},
    {"the log's statistics were reset", {1, 10, 5}, {1, 12, 0}, false},
};

static void answer_row_counts(struct row_counts now)
{
    b.r.audit.next_row_counts_us = 0;
    b.r.audit.next_us = INT64_MAX;
    audit_step(&b.r);
    assert_non_null(b.sent);
    assert_int_equal(b.sent->kind, FETCH_ROW_COUNTS);
    b.sent->ok = true;
    b.sent->row_counts = now;
    give_back();
    audit_step(&b.r); /* asked every ten seconds only */
}

static void test_alarms(void **state)
{
    for (size_t i = 0; i < COUNT(counts); i++) {
        begin(state);
        CHECK_ROW(counts[i].name, audit_row_counts_alarm(&counts[i].before, &counts[i].now) == counts[i].alarm);
        answer_row_counts(counts[i].before);
        CHECK_COUNT(alarms, 0); /* whatever was before we came */
        assert_null(b.sent);
        answer_row_counts(counts[i].now);
        CHECK_COUNT(alarms, counts[i].alarm);
        CHECK_ROW(counts[i].name, (b.sent != NULL) == counts[i].alarm);
        end(state);
        begin(state);
        answer_row_counts(counts[i].before);
        b.r.era.number++; /* statistics may be gone with the era before */
        answer_row_counts(counts[i].now);
        CHECK_COUNT(alarms, 0);
        end(state);
    }
}

/* A whole cycle without delay, however far the present one has come; a range that is under way may have been read too
 * early, and is read once more. Then at leisure again. */
static void check_hurried(bool under_way, int64_t where, uint64_t ranges)
{
    for (int64_t id = 1; id <= 40; id++) {
        show(id, true, 50, (uint64_t)id);
    }
    b.r.audit.size = 10;
    b.r.audit.after = 10;
    struct fetch *range = NULL;
    if (under_way) {
        check_asked(FETCH_RANGE_DIGEST, 10, 20);
        range = b.sent;
        b.sent = NULL;
    }
    answer_row_counts((struct row_counts){1, 10, 5});
    answer_row_counts((struct row_counts){1, 11, 5});
    b.sent = range ? range : b.sent;
    for (uint64_t count = 1; b.r.audit.hurried; count++) {
        assert_non_null(b.sent);
        assert_in_range(count, 1, ranges);
        answer_equal();
        if (b.r.audit.hurried) {
            assert_in_range(b.r.audit.next_us - clock_us(), 0, 20 * 20000);
            let_time_pass();
            audit_step(&b.r);
        }
    }
    CHECK_COUNT(ranges, ranges);
    assert_int_equal(b.r.audit.after, where);
    assert_true(b.r.audit.next_us - clock_us() > 100000000);
}

static void test_hurried(void **state)
{
    (void)state;
    check_hurried(false, 10, 4);
}

static void test_hurried_with_a_range_under_way(void **state)
{
    (void)state;
    check_hurried(true, 20, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_ranges_leave_no_gap),
        TEST(test_nothing_is_a_range_too),
        cmocka_unit_test(test_when_nothing_is_asked),
        TEST(test_pace),
        cmocka_unit_test(test_size_adapts),
        cmocka_unit_test(test_alarms),
        TEST(test_hurried),
        TEST(test_hurried_with_a_range_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
