#include "base/metric.h"

#include <inttypes.h>
#include <string.h>

void metric_print_header(struct text *out, const char *name, enum metric_kind kind, const char *help)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind == METRIC_COUNTER ? "counter" : "gauge");
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
