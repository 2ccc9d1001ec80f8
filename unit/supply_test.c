/* What is fetched when: small fetches while little waits; large ones while much does, and never all fetchers for them.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "cache_fixture.h"
#include "refresh/refresher_state.h"

enum { FETCHERS = 3, SMALL = 32, MANY = 1024, SENT_MAX = 8 };

static struct refresher r;
static struct fetch *sent[SENT_MAX]; /* not answered yet */
static size_t sent_count;

/* In the place of the pool (CMakeLists.txt). */
void __wrap_fetch_submit(struct fetch_pool *pool, struct fetch **fetch);
void __wrap_fetch_submit(struct fetch_pool *pool, struct fetch **fetch)
{
    (void)pool;
    assert_in_range(sent_count, 0, SENT_MAX - 1);
    sent[sent_count++] = *fetch;
    *fetch = NULL;
}

static int begin(void **state)
{
    struct error e;
    (void)state;
    log_set_level(LOG_ERROR);
    r = (struct refresher){.options.fetchers = FETCHERS, .options.reconnect_max_ms = 250};
    assert_true(cache_new(&r.cache, 0, &e) && demand_new(&r.demand, &e));
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (sent_count > 0) {
        fetch_free(&sent[--sent_count]);
    }
    demand_free(&r.demand);
    cache_free(&r.cache);
    return 0;
}

static void want(int64_t first, size_t count, enum urgency urgency)
{
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = cache_slot(r.cache, first + (int64_t)i, true);
        assert_non_null(slot);
        refresher_want(&r, slot, urgency);
    }
}

/* The oldest one failed: what it asked for is wanted again. */
static void take_back(void)
{
    struct fetch *f = sent[0];
    memmove(sent, sent + 1, --sent_count * sizeof *sent);
    supply_take_done(&r, f);
    fetch_free(&f);
}

static size_t large_ones(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sent_count; i++) {
        count += sent[i]->large;
    }
    return count;
}

static void test_nothing(void **state)
{
    (void)state;
    supply_send(&r);
    assert_int_equal(sent_count, 0);
}

static void test_little_goes_one_at_a_time(void **state)
{
    (void)state;
    want(1, 5, URGENCY_REST);
    supply_send(&r);
    want(10, SMALL, URGENCY_READ);
    supply_send(&r);
    assert_int_equal(sent_count, 1);
    assert_true(sent[0]->count == 5 && !sent[0]->large);
    want(100, 1, URGENCY_REST); /* more than one fetch takes */
    supply_send(&r);
    assert_int_equal(sent_count, 2);
    assert_true(sent[1]->count == SMALL && sent[1]->ids[0] == 10 && large_ones() == 0);
}

static void test_much_leaves_a_fetcher(void **state)
{
    (void)state;
    want(1, 3 * MANY, URGENCY_REST);
    supply_send(&r);
    supply_send(&r);
    assert_int_equal(sent_count, FETCHERS - 1);
    assert_int_equal(large_ones(), FETCHERS - 1);
    assert_int_equal(sent[0]->count, FETCH_IDS_MAX);
}

/* Requests wait for some of much: these go alone, one fetch at a time, and no large one takes them along. */
static void test_what_is_waited_for_goes_at_once(void **state)
{
    (void)state;
    want(1, 3 * MANY, URGENCY_REST);
    supply_send(&r);
    want(9001, 2, URGENCY_WAITED);
    supply_send(&r);
    assert_int_equal(sent_count, FETCHERS);
    assert_true(sent[FETCHERS - 1]->count == 2 && sent[FETCHERS - 1]->ids[0] == 9001 && !sent[FETCHERS - 1]->large);
    want(9101, 1, URGENCY_WAITED);
    supply_send(&r);
    assert_int_equal(sent_count, FETCHERS);
    take_back(); /* a large one: the next large one leaves what is waited for */
    supply_send(&r);
    assert_int_equal(sent_count, FETCHERS);
    assert_true(sent[FETCHERS - 1]->large && sent[FETCHERS - 1]->count == FETCH_IDS_MAX);
    for (size_t i = 0; i < FETCH_IDS_MAX; i++) {
        assert_int_not_equal(sent[FETCHERS - 1]->ids[i], 9101);
    }
    assert_int_equal(large_ones(), FETCHERS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_little_goes_one_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(test_much_leaves_a_fetcher, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_waited_for_goes_at_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
