#include "base/metric.h"

#include <inttypes.h>
#include <string.h>

void metric_print_header(struct text *out, const char *name, enum metric_kind kind, const char *help)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static uint64_t sum(const struct metric_row *row, const void *const *sources, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += metric_get((const metric *)(const void *)((const char *)sources[i] + row->offset));
    }
    return total;
}

void metrics_print(struct text *out, const struct metric_row *rows, size_t row_count, const void *const *sources,
                   size_t count)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct metric_row *row = &rows[i];
        if (i == 0 || strcmp(rows[i - 1].name, row->name) != 0) {
            metric_print_header(out, row->name, row->kind, row->help);
        }
        text_printf(out, row->labels ? "%s{%s} %" PRIu64 "\n" : "%s%s %" PRIu64 "\n", row->name,
                    row->labels ? row->labels : "", sum(row, sources, count));
    }
}

/* ---- histograms ----------------------------------------------------------------------------- */

void histogram_add(struct histogram *h, const int64_t *bounds_us, int64_t us)
{
    int bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS - 1 && us > bounds_us[bucket]) {
        bucket++;
    }
    metric_add_own(&h->sum_us, (uint64_t)us);
    metric_add_own(&h->buckets[bucket], 1);
}

void histogram_collect(struct histogram *to, const struct histogram *from)
{
    metric_add_own(&to->sum_us, metric_get(&from->sum_us));
    for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        metric_add_own(&to->buckets[bucket], metric_get(&from->buckets[bucket]));
    }
}

/* The count is that of the buckets, so that the parts agree whatever is counted meanwhile. */
void histogram_print(struct text *out, const char *name, const char *labels, const int64_t *bounds_us,
                     const struct histogram *h)
{
    const char *own = labels ? labels : "";
    const char *comma = labels ? "," : "";
    uint64_t up_to = 0;
    for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        up_to += metric_get(&h->buckets[bucket]);
        if (bucket < HISTOGRAM_BUCKETS - 1) {
            text_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, own, comma,
                        (double)bounds_us[bucket] / 1e6, up_to);
        }
    }
    text_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, own, comma, up_to);
    text_printf(out, labels ? "%s_sum{%s} %.6f\n" : "%s_sum%s %.6f\n", name, own, (double)metric_get(&h->sum_us) / 1e6);
    text_printf(out, labels ? "%s_count{%s} %" PRIu64 "\n" : "%s_count%s %" PRIu64 "\n", name, own, up_to);
}
