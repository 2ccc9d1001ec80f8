#include "unit.h"

#include "base/metric.h"

#include <pthread.h>

struct counters {
    metric hits, misses, size;
};

static const struct metric_row rows[] = {
    {"unit_looks_total", "found=\"yes\"", METRIC_COUNTER, offsetof(struct counters, hits), "Looks, by outcome"},
    {"unit_looks_total", "found=\"no\"", METRIC_COUNTER, offsetof(struct counters, misses), "Looks, by outcome"},
    {"unit_size", NULL, METRIC_GAUGE, offsetof(struct counters, size), "How large"},
};

static void check_print(const struct counters *const *sources, size_t count, const char *expected)
{
    struct text t = {0};
    metrics_print(&t, rows, COUNT(rows), (const void *const *)sources, count);
    assert_string_equal(t.at, expected);
    text_fini(&t);
}

static void test_print(void **state)
{
    struct counters one = {0};
    struct counters two = {0};
    const struct counters *const both[] = {&one, &two};
    (void)state;
    metric_add(&one.hits, 3);
    metric_add_own(&two.hits, 4);
    metric_add_own(&two.hits, 0);
    metric_add(&two.misses, UINT64_MAX);
    metric_set(&one.size, 9);
    metric_set(&one.size, 8);
    check_print(both, 2,
                "# HELP unit_looks_total Looks, by outcome\n# TYPE unit_looks_total counter\n"
                "unit_looks_total{found=\"yes\"} 7\nunit_looks_total{found=\"no\"} 18446744073709551615\n"
                "# HELP unit_size How large\n# TYPE unit_size gauge\nunit_size 8\n");
    assert_int_equal(metric_get(&one.hits), 3);
}

static void test_print_nothing(void **state)
{
    struct text t = {0};
    (void)state;
    metrics_print(&t, rows, 0, NULL, 0);
    assert_int_equal(t.len, 0);
    check_print(NULL, 0,
                "# HELP unit_looks_total Looks, by outcome\n# TYPE unit_looks_total counter\n"
                "unit_looks_total{found=\"yes\"} 0\nunit_looks_total{found=\"no\"} 0\n"
                "# HELP unit_size How large\n# TYPE unit_size gauge\nunit_size 0\n");
    text_fini(&t);
}

/* What is equal to a bound is below it; what is beyond all is in the last bucket. */
static void test_histogram(void **state)
{
    static const int64_t bounds[HISTOGRAM_BUCKETS - 1] = {10,      20,      50,      100,     1000,    2000,   5000,
                                                          1000000, 2000000, 3000000, 4000000, 5000000, 6000000};
    struct histogram one = {0};
    struct histogram sum = {0};
    struct text t = {0};
    (void)state;
    histogram_add(&one, bounds, 0);
    histogram_add(&one, bounds, 10);
    histogram_add(&one, bounds, 11);
    histogram_add(&one, bounds, 7000000);
    histogram_collect(&sum, &one);
    histogram_collect(&sum, &one);
    histogram_print(&t, "h", NULL, bounds, &sum);
    assert_non_null(strstr(t.at, "h_bucket{le=\"1e-05\"} 4\nh_bucket{le=\"2e-05\"} 6\nh_bucket{le=\"5e-05\"} 6\n"));
    assert_non_null(strstr(t.at, "h_bucket{le=\"6\"} 6\nh_bucket{le=\"+Inf\"} 8\nh_sum 14.000042\nh_count 8\n"));
    text_clear(&t);
    histogram_print(&t, "h", "a=\"b\"", bounds, &one);
    assert_non_null(strstr(t.at, "h_bucket{a=\"b\",le=\"+Inf\"} 4\nh_sum{a=\"b\"} 7.000021\nh_count{a=\"b\"} 4\n"));
    text_fini(&t);
}

enum { THREADS = 3, ADDS = 1000000 };
static pthread_barrier_t start;

static void *count_up(void *m)
{
    pthread_barrier_wait(&start);
    for (int i = 0; i < ADDS; i++) {
        metric_add(m, 1);
    }
    return NULL;
}

static void test_shared_counter(void **state)
{
    metric shared = 0;
    pthread_t threads[THREADS];
    (void)state;
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(metric_get(&shared), THREADS * ADDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_nothing),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_shared_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
