/* Demand: ids from many readers to one refresher, none lost; and the word back. */
#include "unit.h"

#include "allocation.h"
#include "cache/demand.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

static bool is_readable(const struct demand *d)
{
    struct pollfd fd = {.fd = demand_fd(d), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

struct taken {
    int64_t ids[16];
    size_t count;
};

static void take(int64_t id, void *context)
{
    struct taken *t = context;
    assert_true(t->count < COUNT(t->ids));
    t->ids[t->count++] = id;
}

static void test_ask_and_take(void **state)
{
    struct demand *d;
    struct error e;
    struct taken t = {0};
    (void)state;
    assert_true(demand_new(&d, &e));
    assert_false(is_readable(d));
    demand_take(d, take, &t);
    assert_int_equal(t.count, 0);
    assert_true(demand_ask(d, 1) && demand_ask(d, INT64_MAX) && demand_ask(d, 1));
    assert_true(is_readable(d));
    demand_take(d, take, &t);
    assert_false(is_readable(d));
    assert_int_equal(t.count, 3);
    assert_true(t.ids[0] == 1 && t.ids[1] == INT64_MAX && t.ids[2] == 1);
    demand_take(d, take, &t);
    assert_int_equal(t.count, 3);
    assert_true(demand_ask(d, 2)); /* wakes again; freed with the queue */
    assert_true(is_readable(d));
    demand_free(&d);
    assert_null(d);
    demand_free(&d);
}

static void count_news(void *context)
{
    ++*(int *)context;
}

static void test_news(void **state)
{
    struct demand *d;
    struct error e;
    int first = 0;
    int second = 0;
    (void)state;
    assert_true(demand_new(&d, &e));
    demand_announce(d); /* nobody listens */
    demand_watch(d, count_news, &first);
    demand_announce(d);
    demand_watch(d, count_news, &second);
    demand_announce(d);
    assert_int_equal(first, 2);
    assert_int_equal(second, 1);
    for (int i = 2; i < DEMAND_WATCHERS_MAX; i++) {
        demand_watch(d, count_news, &second);
    }
    CHECK_ABORTS(demand_watch(d, count_news, &second));
    demand_free(&d);
}

static void test_no_memory(void **state)
{
    struct demand *d = NULL;
    struct error e = {0};
    (void)state;
    allocation_fail_at(1);
    assert_false(demand_new(&d, &e));
    assert_int_equal(e.code, ERROR_SYSTEM);
    allocation_fail_at(0);
    assert_true(demand_new(&d, &e));
    allocation_fail_at(1);
    assert_false(demand_ask(d, 1));
    assert_false(is_readable(d));
    allocation_fail_at(0);
    demand_free(&d);
}

/* ---- many readers --------------------------------------------------------------------------- */

enum { READERS = 3, ASKS = 20000 };

struct reader {
    struct demand *demand;
    int64_t first; /* asks for first, first + READERS, … */
};

static void *ask_all(void *context)
{
    const struct reader *r = context;
    for (int64_t i = 0; i < ASKS; i++) {
        if (!demand_ask(r->demand, r->first + i * READERS)) {
            return context;
        }
    }
    return NULL;
}

static void count_id(int64_t id, void *context)
{
    ((unsigned char *)context)[id]++;
}

/* The refresher sleeps until it is woken, as it does in life: an ask that does not wake it shows as a time-out. */
static void test_many_readers(void **state)
{
    static unsigned char seen[READERS * ASKS];
    struct reader readers[READERS];
    pthread_t threads[READERS];
    struct demand *d;
    struct error e;
    (void)state;
    allocation_fail_at(0);
    assert_true(demand_new(&d, &e));
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.demand = d, .first = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_all, &readers[i]), 0);
    }
    for (size_t at = 0; at < sizeof seen;) {
        struct pollfd fd = {.fd = demand_fd(d), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 20000), 1);
        demand_take(d, count_id, seen);
        while (at < sizeof seen && seen[at] == 1) {
            at++;
        }
    }
    for (int i = 0; i < READERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    demand_take(d, count_id, seen);
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_int_equal(seen[i], 1);
    }
    demand_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_and_take),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
