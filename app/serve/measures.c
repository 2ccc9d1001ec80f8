#include "serve/measures.h"

#include "serve/http2_errors.h"
#include "serve/loop_lag.h"

#include <inttypes.h>
#include <stdio.h>

/* Added to `sum`, over all workers. */
static void sum_route(const struct worker *workers, size_t count, int route, int slot, struct route_metrics *sum)
{
    for (size_t i = 0; i < count; i++) {
        const struct route_metrics *m = &workers[i].metrics.routes[route][slot];
        metric_add_own(&sum->requests, metric_get(&m->requests));
        histogram_collect(&sum->durations, &m->durations);
    }
}

/* Routes and statuses that occurred, and one that is always there; requests first, then their durations. */
void measures_print_requests(const struct worker *workers, size_t count, struct text *out)
{
    static const char durations_name[] = "atelier_http_request_duration_seconds";
    struct text durations = {0};
    metric_print_header(out, "atelier_http_requests_total", METRIC_COUNTER, "Requests answered, by route and status");
    metric_print_header(&durations, durations_name, METRIC_HISTOGRAM,
                        "From the handler's call to the answer's hand-over, waiting included");
    for (int route = 0; route < ROUTES; route++) {
        for (int slot = 0; slot < STATUS_SLOTS; slot++) {
            char labels[64];
            struct route_metrics sum = {0};
            sum_route(workers, count, route, slot, &sum);
            if (metric_get(&sum.requests) > 0 || (route == ROUTE_PRODUCT && slot == 0)) {
                snprintf(labels, sizeof labels, "route=\"%s\",status=\"%s\"", route_names[route],
                         status_slot_names[slot]);
                text_printf(out, "atelier_http_requests_total{%s} %" PRIu64 "\n", labels, metric_get(&sum.requests));
                histogram_print(&durations, durations_name, labels, duration_bounds_us, &sum.durations);
            }
        }
    }
    text_add(out, durations.at, durations.len);
    text_fini(&durations);
}

void measures_print_loops(const struct worker *workers, size_t count, struct text *out)
{
    struct histogram lag = {0};
    struct http2_errors errors = {0};
    for (size_t i = 0; i < count; i++) {
        histogram_collect(&lag, &workers[i].metrics.lag);
        http2_errors_add(&errors, &workers[i].loop);
    }
    metric_print_header(out, "atelier_event_loop_lag_seconds", METRIC_HISTOGRAM,
                        "How late a timer of 100 ms is on the workers: so long an event waits for those before it");
    histogram_print(out, "atelier_event_loop_lag_seconds", NULL, lag_bounds_us, &lag);
    http2_errors_print(&errors, out);
}

/* Requests and their durations, but for streams of events, which last. */
void measures_print_traffic(const struct worker *workers, size_t count, struct text *out)
{
    struct route_metrics all = {0};
    uint64_t errors = 0;
    for (int route = 0; route < ROUTES; route++) {
        for (int slot = 0; slot < STATUS_SLOTS && route != ROUTE_EVENTS; slot++) {
            struct route_metrics sum = {0};
            sum_route(workers, count, route, slot, &sum);
            metric_add_own(&all.requests, metric_get(&sum.requests));
            histogram_collect(&all.durations, &sum.durations);
            errors += *status_slot_names[slot] == '5' ? metric_get(&sum.requests) : 0;
        }
    }
    text_printf(out, "\"http\":{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"bounds_us\":[",
                metric_get(&all.requests), errors);
    for (int bucket = 0; bucket < HISTOGRAM_BUCKETS - 1; bucket++) {
        text_printf(out, "%s%" PRId64, bucket ? "," : "", duration_bounds_us[bucket]);
    }
    text_str(out, "],\"durations\":[");
    for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        text_printf(out, "%s%" PRIu64, bucket ? "," : "", metric_get(&all.durations.buckets[bucket]));
    }
    text_str(out, "]},");
}
