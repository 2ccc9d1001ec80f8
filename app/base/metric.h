/* Metrics: counters and gauges in structs, described by tables from which /metrics and the reference are printed. A
 * counter may be spread over several structs of one type (one a thread, so that nothing is shared); it is
 * printed as their sum. */
#pragma once
#include "base/text.h"
#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t metric;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

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

/* `sources` are `count` structs that the rows' offsets fit. */
void metrics_print(struct text *out, const struct metric_row *rows, size_t row_count, const void *const *sources,
                   size_t count);
void metric_print_header(struct text *out, const char *name, enum metric_kind kind, const char *help);
