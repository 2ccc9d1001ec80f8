/* Metrics: counters and gauges in structs, described by tables from which /metrics and the reference are printed. A
 * counter may be spread over several structs of one type (one a thread, so that nothing is shared); it is
 * printed as their sum. */
#pragma once
#include "base/text.h"
#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t metric;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_row {
    const char *name;   /* Prometheus's conventions */
    const char *labels; /* "route=\"product\"", or NULL; rows of one name follow each other */
    enum metric_kind kind;
    size_t offset; /* of a `metric` */
    const char *help;
};

static inline void metric_add(metric *m, uint64_t n)
{
    atomic_fetch_add_explicit(m, n, memory_order_relaxed);
}
/* For a counter that only this thread writes: no locked instruction. */
static inline void metric_add_own(metric *m, uint64_t n)
{
    atomic_store_explicit(m, atomic_load_explicit(m, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline void metric_set(metric *m, uint64_t n)
{
    atomic_store_explicit(m, n, memory_order_relaxed);
}
static inline uint64_t metric_get(const metric *m)
{
    return atomic_load_explicit((metric *)(uintptr_t)m, memory_order_relaxed);
}

/* Durations by upper bounds, which its owner has: HISTOGRAM_BUCKETS - 1 of them, ascending; the last bucket has none.
 */
enum { HISTOGRAM_BUCKETS = 14 };
struct histogram {
    metric sum_us;
    metric buckets[HISTOGRAM_BUCKETS];
};
/* By the one thread that writes it. */
void histogram_add(struct histogram *h, const int64_t *bounds_us, int64_t us);
/* Adds `from`, which may be written meanwhile, to `to`, which is not. */
void histogram_collect(struct histogram *to, const struct histogram *from);
/* The samples, in seconds. `labels`: as in a row, or NULL. */
void histogram_print(struct text *out, const char *name, const char *labels, const int64_t *bounds_us,
                     const struct histogram *h);

/* `sources` are `count` structs that the rows' offsets fit. */
void metrics_print(struct text *out, const struct metric_row *rows, size_t row_count, const void *const *sources,
                   size_t count);
void metric_print_header(struct text *out, const char *name, enum metric_kind kind, const char *help);
