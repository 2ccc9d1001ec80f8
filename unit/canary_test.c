/* The canary: what counts as shown, as lost, and as neither; and that nothing of one is taken for the next one's. */
#include "cache_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/refresher_state.h"

enum { VERSION = 100 };

static struct refresher r;

static void begin(void)
{
    struct error e;
    log_set_level(LOG_ERROR);
    r = (struct refresher){.random = UINT64_C(7) << 40};
    assert_true(cache_new(&r.cache, 0, &e));
    canary_init(&r);
}

static void end(void)
{
    cache_free(&r.cache);
}

static void publish_absent(int64_t id, uint64_t version)
{
    struct entry *made = make(id, false, stamp_make(0, version));
    enum publish_result result;
    cache_publish(r.cache, &made, 1, &result);
    canary_look(&r);
}

static void age(int64_t us)
{
    r.canary.sent_us -= us;
}

static int64_t sent(bool committed)
{
    int64_t id;
    assert_true(canary_begin(&r.canary, &id));
    assert_true(id < 0 && id == r.feed.canary);
    canary_sent(&r.canary, committed);
    return id;
}

static void check(uint64_t shown, uint64_t lost)
{
    canary_keep(&r);
    assert_int_equal(metric_get(&r.metrics.canaries_shown), shown);
    assert_int_equal(metric_get(&r.metrics.canaries_lost), lost);
}

static bool may_begin(void)
{
    return atomic_load(&r.canary.state) == CANARY_NONE;
}

static void test_shown(void **state)
{
    (void)state;
    begin();
    int64_t id = sent(true);
    age(30000);
    canary_was_read(&r, stamp_make(0, VERSION));
    publish_absent(id, VERSION - 1); /* fetched before: refused, and not what is waited for */
    check(0, 0);
    assert_int_equal(cache_arriving(r.cache), 0); /* lists do not wait for it */
    publish_absent(id, VERSION);
    check(1, 0);
    assert_true(metric_get(&r.metrics.visible.sum_us) >= 30000);
    assert_true(may_begin());
    assert_int_equal(sent(true), id);
    canary_look(&r); /* what the last one showed */
    check(1, 0);
    end();
}

/* The answer of the commit may come later than all else. */
static void test_shown_before_it_is_known_to_be_committed(void **state)
{
    int64_t id;
    (void)state;
    begin();
    assert_true(canary_begin(&r.canary, &id));
    canary_was_read(&r, stamp_make(0, VERSION));
    publish_absent(id, VERSION);
    check(0, 0);
    canary_sent(&r.canary, true);
    check(1, 0);
    end();
}

static void test_lost(void **state)
{
    (void)state;
    begin();
    int64_t id = sent(true);
    check(0, 0);
    assert_false(may_begin());
    age(CANARY_LOST_US + 1);
    check(0, 1);
    assert_true(may_begin());
    assert_true(sent(true) != id); /* a late row is not taken for this one's */
    end();
}

static void test_queued_is_not_lost(void **state)
{
    (void)state;
    begin();
    int64_t id = sent(true);
    canary_was_read(&r, stamp_make(0, VERSION));
    age(CANARY_LOST_US + 1);
    check(0, 0);
    publish_absent(id, VERSION);
    check(1, 0);
    end();
}

static const struct {
    const char *name;
    bool committed, dropped;
} untold[] = {
    {"the connection broke while it was committed", false, false},
    {"Postgres crashed after it was committed", true, true},
    {"Postgres crashed while it was committed", false, true},
};

static void test_what_cannot_be_told_is_not_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(untold); i++) {
        begin();
        int64_t id = sent(untold[i].committed);
        age(CANARY_LOST_US + 1);
        if (untold[i].dropped) {
            canary_drop(&r);
        }
        check(0, 0);
        CHECK_ROW(untold[i].name, may_begin());
        CHECK_ROW(untold[i].name, sent(true) != id);
        end();
    }
}

static void test_one_at_a_time(void **state)
{
    int64_t id;
    (void)state;
    begin();
    assert_true(canary_begin(&r.canary, &id));
    assert_false(canary_begin(&r.canary, &id));
    check(0, 0);
    assert_false(canary_begin(&r.canary, &id));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_shown_before_it_is_known_to_be_committed),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_queued_is_not_lost),
        cmocka_unit_test(test_what_cannot_be_told_is_not_counted),
        cmocka_unit_test(test_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
