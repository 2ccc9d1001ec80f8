/* What the audit says of a product: judged, or left open because something newer is known; what is dropped; what
 * becomes of what it has found. */
#include "audit_bench.h"

/* ---- one product, in every state that it can be in ------------------------------------------ */

enum { NOTHING = -1, ABSENT = 0 };

static const struct {
    const char *name;
    struct {
        int64_t digest; /* NOTHING: no entry; ABSENT: an entry that says so */
        uint64_t version;
        uint64_t mark; /* 0: none */
    } here;
    int64_t there; /* its digest; NOTHING: no such product */
    bool judged, inconsistent, repaired;
} products[] = {
    {"equal", {7, 90, 0}, 7, true, false, false},
    {"equal, marked before it was read", {7, 90, 90}, 7, true, false, false},
    {"equal, in the same snapshot", {7, S, 0}, 7, true, false, false},
    {"changed past the triggers", {7, 90, 0}, 8, true, true, true},
    {"changed past the triggers, marked before", {7, 90, 85}, 8, true, true, true},
    {"deleted past the triggers", {7, 90, 0}, NOTHING, true, true, true},
    {"inserted past the triggers", {NOTHING, 0, 0}, 8, true, true, true},
    {"inserted past the triggers, known not to exist", {ABSENT, 90, 0}, 8, true, true, true},
    {"known not to exist", {ABSENT, 90, 0}, NOTHING, false, false, false},
    {"changed, read since", {8, 101, 0}, 7, false, false, false},
    {"changed, marked", {7, 90, 95}, 8, false, false, false},
    {"changed, marked as of the digest", {7, 90, S}, 8, false, false, false},
    {"changed after the digest, marked", {7, 90, 120}, 7, false, false, false},
    {"changed after the digest, marked, differs", {7, 90, 120}, 9, false, false, false},
    {"inserted, marked, not read yet", {NOTHING, 0, 95}, 8, false, false, false},
    {"inserted, read since", {8, 110, 105}, NOTHING, false, false, false},
    {"deleted, marked", {7, 90, 95}, NOTHING, false, false, false},
    {"deleted, read since", {ABSENT, 110, 105}, 7, false, false, false},
    {"different though of the same snapshot", {7, S, 0}, 8, true, true, false},
};

static void set_product(size_t i)
{
    if (products[i].here.digest != NOTHING) {
        show(5, products[i].here.digest != ABSENT, products[i].here.version, (uint64_t)products[i].here.digest);
    }
    if (products[i].here.mark) {
        mark_at(5, products[i].here.mark);
    }
}

/* Between two products that are right; the digest of the three together differs always. */
static void test_products(void **state)
{
    for (size_t i = 0; i < COUNT(products); i++) {
        begin(state);
        show(1, true, 50, 11);
        show(9, true, 50, 19);
        set_product(i);
        check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
        ANSWER({0, 12345});
        CHECK_COUNT(checked, 0);
        check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
        if (products[i].there == NOTHING) {
            ANSWER({1, 11}, {9, 19});
        } else {
            ANSWER({1, 11}, {5, (uint64_t)products[i].there}, {9, 19});
        }
        struct slot *slot = cache_slot(b.r.cache, 5, false);
        CHECK_ROW(products[i].name, count_of(&b.r.metrics.audit_checked) == 2u + products[i].judged);
        CHECK_ROW(products[i].name, count_of(&b.r.metrics.audit_inconsistent) == products[i].inconsistent);
        CHECK_ROW(products[i].name, b.r.audit.repair_count == products[i].repaired);
        CHECK_ROW(products[i].name, !products[i].repaired || (refresher_is_stale(&b.r, slot) && slot->queue != 0 &&
                                                              atomic_load(&slot->mark) == stamp_make(ERA, S)));
        CHECK_ROW(products[i].name, change_set_backlog(&b.r.set) == products[i].repaired);
        CHECK_COUNT(cycles, 1);
        end(state);
    }
}

/* A change is in the digest, but the log has not been read so far: it is no inconsistency. */
static void test_log_is_read_first(void **state)
{
    (void)state;
    show(1, true, 50, 11);
    show(5, true, 50, 7);
    read_up_to(S - 1);
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    ANSWER({0, 12345});
    check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
    ANSWER({1, 11}, {5, 8});
    check_asks_nothing();
    assert_true(audit_needs_slots(&b.r));
    CHECK_COUNT(checked, 0);
    mark_at(5, S);
    read_up_to(S);
    check_asks_nothing();
    assert_false(audit_needs_slots(&b.r));
    CHECK_COUNT(checked, 1);
    CHECK_COUNT(inconsistent, 0);
    CHECK_COUNT(ranges, 1);
}

static void test_equal_ranges_need_one_question(void **state)
{
    (void)state;
    show(1, true, 50, 11);
    show(5, true, 130, 7); /* newer than the digest, and the same */
    show(7, false, 60, 0);
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    assert_true(audit_needs_slots(&b.r));
    ANSWER({0, 11 ^ 7});
    assert_false(audit_needs_slots(&b.r));
    CHECK_COUNT(checked, 2);
    CHECK_COUNT(cycles, 1);
    check_asks_nothing();
}

/* ---- answers that say nothing --------------------------------------------------------------- */

static void other_life(void)
{
    b.r.life++;
}

static void other_era(void)
{
    b.r.era_index++;
}

static void disconnected(void)
{
    b.r.feed.pg.connection = NULL;
}

static void loading(void)
{
    b.r.load.running = true;
}

static void all_marked(void)
{
    cache_mark_all(b.r.cache, stamp_make(ERA, S));
}

static const struct {
    const char *name;
    void (*happens)(void);
} meanwhile[] = {
    {"the feed was lost and connected again", other_life},
    {"another era began", other_era},
    {"the feed was lost", disconnected},
    {"everything is loaded again", loading},
    {"everything was marked", all_marked},
};

/* To both questions, and while the answer to the second one waits for the log. */
static void test_dropped(void **state)
{
    for (size_t i = 0; i < COUNT(meanwhile) * 3; i++) {
        const char *name = meanwhile[i / 3].name;
        begin(state);
        show(5, true, 50, 7);
        check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
        if (i % 3 > 0) {
            ANSWER({0, 12345});
            check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
        }
        if (i % 3 == 2) {
            read_up_to(S - 1);
            ANSWER({5, 8});
            meanwhile[i / 3].happens();
            read_up_to(S);
            b.r.feed.pg.connection = (PGconn *)&b.r; /* it is no life of its own */
            CHECK_ROW(name, meanwhile[i / 3].happens != disconnected || ++b.r.life);
            audit_step(&b.r);
        } else {
            meanwhile[i / 3].happens();
            ANSWER({5, 8});
        }
        CHECK_ROW(name, count_of(&b.r.metrics.audit_checked) == 0 && count_of(&b.r.metrics.audit_ranges) == 0);
        CHECK_ROW(name, change_set_backlog(&b.r.set) == 0 && !audit_needs_slots(&b.r));
        end(state);
    }
}

static void test_a_failure_begins_the_range_again(void **state)
{
    (void)state;
    show(5, true, 50, 7);
    for (size_t size = 500; b.r.audit.size > 1; size /= 2) {
        assert_int_equal(b.r.audit.size, size);
        let_time_pass();
        check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
        give_back();
    }
    let_time_pass();
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    give_back();
    assert_int_equal(b.r.audit.size, 1);
    CHECK_COUNT(ranges, 0);
}

/* ---- repairs -------------------------------------------------------------------------------- */

static void test_the_next_range_waits_for_repairs(void **state)
{
    (void)state;
    show(1, true, 50, 11);
    show(5, true, 50, 7);
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    ANSWER({0, 12345});
    check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
    ANSWER({1, 12}, {5, 8});
    CHECK_COUNT(inconsistent, 2);
    let_time_pass();
    check_asks_nothing();
    show(5, true, S, 8);
    check_asks_nothing();
    CHECK_COUNT(repaired, 1);
    mark_at(1, 120); /* changed once more: that is not the audit's any more */
    check_asks_nothing();
    show(1, false, 120, 0);
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    CHECK_COUNT(repaired, 2);
}

static void test_repairs_that_fail_do_not_stop_the_audit(void **state)
{
    (void)state;
    show(5, true, 50, 7);
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    ANSWER({0, 8});
    check_asked(FETCH_PRODUCT_DIGESTS, 0, INT64_MAX);
    ANSWER({5, 8});
    let_time_pass();
    check_asks_nothing();
    b.r.audit.repair_until_us = 0;
    check_asked(FETCH_RANGE_DIGEST, 0, INT64_MAX);
    CHECK_COUNT(repaired, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        TEST(test_log_is_read_first),
        TEST(test_equal_ranges_need_one_question),
        cmocka_unit_test(test_dropped),
        TEST(test_a_failure_begins_the_range_again),
        TEST(test_the_next_range_waits_for_repairs),
        TEST(test_repairs_that_fail_do_not_stop_the_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
