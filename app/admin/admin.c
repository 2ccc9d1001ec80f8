#include "admin/admin.h"
#include "admin/watch.h"

#include "base/clock.h"
#include "refresh/canary.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef ATELIER_COMMIT
#define ATELIER_COMMIT "unknown"
#endif
#ifndef ATELIER_VERSION
#define ATELIER_VERSION "0"
#endif

/* ---- facts ---------------------------------------------------------------------------------- */

/* Since the newest proof; since the start if there was none. */
static int64_t unproven_us(const struct admin *a)
{
    int64_t proved = cache_proved_us(a->cache);
    return clock_us() - (proved ? proved : a->started_us);
}

static bool is_draining(const struct admin *a)
{
    return server_is_draining(a->server);
}

static bool is_loading(const struct admin *a)
{
    return !cache_was_complete(a->cache);
}

static bool is_too_old(const struct admin *a)
{
    return a->ready_unproven_max_ms > 0 && unproven_us(a) > a->ready_unproven_max_ms * 1000;
}

/* Why it is not ready; the first that holds is said. */
static const struct {
    bool (*holds)(const struct admin *a);
    const char *reason;
} obstacles[] = {
    {is_draining, "draining"},
    {is_loading, "loading the catalogue"},
    {is_too_old, "no word from Postgres for longer than --ready-unproven-max-ms"},
};

/* NULL: it is ready. */
static const char *why_not_ready(const struct admin *a)
{
    for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
        if (obstacles[i].holds(a)) {
            return obstacles[i].reason;
        }
    }
    return NULL;
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*u %llu", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool admin_describe(const struct admin *a, char *out, size_t size)
{
    const struct refresh_metrics *m = refresher_metrics(a->refresher);
    const char *reason = why_not_ready(a);
    if (is_loading(a) && !is_draining(a)) {
        snprintf(out, size, "Loading the catalogue: %" PRIu64 " of about %" PRIu64 " products",
                 metric_get(&m->load_products), metric_get(&m->load_expected));
    } else if (reason) {
        snprintf(out, size, "Not ready: %s", reason);
    } else {
        snprintf(out, size, "Ready: %zu products", cache_entries(a->cache));
    }
    return reason == NULL;
}

/* ---- answers -------------------------------------------------------------------------------- */

static int healthz(void *context, struct text *out)
{
    const struct admin *a = context;
    struct error e;
    bool ok = server_turns(a->server, &e);
    text_printf(out, "%s\n", ok ? "ok" : e.text);
    return ok ? 200 : 503;
}

static int readyz(void *context, struct text *out)
{
    const char *reason = why_not_ready(context);
    text_printf(out, "%s\n", reason ? reason : "ready");
    return reason ? 503 : 200;
}

static void gauge(struct text *out, const char *name, const char *help, double value)
{
    metric_print_header(out, name, METRIC_GAUGE, help);
    text_printf(out, "%s %.6g\n", name, value);
}

/* To the last digit. */
static void whole(struct text *out, const char *name, const char *help, int64_t value)
{
    metric_print_header(out, name, METRIC_GAUGE, help);
    text_printf(out, "%s %" PRId64 "\n", name, value);
}

/* Resident beyond the documents: what they cost. */
static int64_t overhead_bytes(const struct admin *a, uint64_t resident)
{
    return (int64_t)resident - (int64_t)cache_payload(a->cache);
}

static void print_memory_metrics(const struct admin *a, struct text *out)
{
    uint64_t resident = resident_bytes();
    whole(out, "atelier_resident_bytes", "Memory of the process", (int64_t)resident);
    whole(out, "atelier_overhead_bytes", "Memory of the process that is not documents", overhead_bytes(a, resident));
    whole(out, "atelier_cache_payload_bytes", "Bytes of all documents in all codings",
          (int64_t)cache_payload(a->cache));
    whole(out, "atelier_cache_memory_bytes",
          "What --memory-limit limits: entries, slots, table and id index on the heap",
          (int64_t)cache_memory(a->cache));
    whole(out, "atelier_cache_memory_limit_bytes", "--memory-limit; 0: none", (int64_t)cache_memory_limit(a->cache));
    whole(out, "atelier_cache_left_out", "Products that are answered with 503, because there is no room in memory",
          (int64_t)cache_left_out(a->cache));
}

static void print_memory(const struct admin *a, struct text *out)
{
    uint64_t resident = resident_bytes();
    text_printf(out, "\"products\":%zu,\"bytes\":%zu,\"resident_bytes\":%" PRIu64 ",", cache_entries(a->cache),
                cache_bytes(a->cache), resident);
    text_printf(out,
                "\"memory\":{\"payload_bytes\":%zu,\"overhead_bytes\":%" PRId64
                ",\"cache_bytes\":%zu,\"limit_bytes\":%zu,\"products_left_out\":%zu},",
                cache_payload(a->cache), overhead_bytes(a, resident), cache_memory(a->cache),
                cache_memory_limit(a->cache), cache_left_out(a->cache));
}

static const char reloads_help[] = "SIGHUPs, by what became of them";
static const struct metric_row reload_rows[] = {
    {"atelier_reloads_total", "outcome=\"applied\"", METRIC_COUNTER, offsetof(struct reload_metrics, applied),
     reloads_help},
    {"atelier_reloads_total", "outcome=\"refused\"", METRIC_COUNTER, offsetof(struct reload_metrics, refused),
     reloads_help},
};

void admin_print_metrics(const struct admin *a, struct text *out)
{
    const void *refresh = refresher_metrics(a->refresher);
    metric_print_header(out, "atelier_build_info", METRIC_GAUGE, "What is running");
    text_printf(out, "atelier_build_info{version=\"%s\",commit=\"%s\"} 1\n", ATELIER_VERSION, ATELIER_COMMIT);
    metric_print_header(out, "atelier_feed_era_info", METRIC_GAUGE, "The life of Postgres that is followed");
    text_printf(out, "atelier_feed_era_info{era=\"%" PRIu64 "\"} 1\n",
                metric_get(&refresher_metrics(a->refresher)->era));
    gauge(out, "atelier_ready", "1 when /readyz is 200", why_not_ready(a) == NULL);
    gauge(out, "atelier_uptime_seconds", "Since the start", (double)(clock_us() - a->started_us) / 1e6);
    print_memory_metrics(a, out);
    whole(out, "atelier_cache_entries", "Products in memory", (int64_t)cache_entries(a->cache));
    whole(out, "atelier_cache_slots", "Slots of the cache, with those for products that do not exist",
          (int64_t)cache_slots(a->cache));
    whole(out, "atelier_cache_bytes", "Bytes of entries, with all documents in all codings",
          (int64_t)cache_bytes(a->cache));
    gauge(out, "atelier_feed_unproven_seconds", "Age of the newest proof that nothing newer is in Postgres",
          (double)unproven_us(a) / 1e6);
    gauge(out, "atelier_feed_notify_queue_ratio",
          "How full Postgres's queue of notifications is, asked every 5 s: 1 fails the commits that notify",
          (double)metric_get(&refresher_metrics(a->refresher)->notify_queue_ppm) / 1e6);
    metric_print_header(out, "atelier_feed_visible_seconds", METRIC_HISTOGRAM,
                        "From before this replica commits a canary until its memory shows it: an upper bound");
    histogram_print(out, "atelier_feed_visible_seconds", NULL, canary_bounds_us,
                    &refresher_metrics(a->refresher)->visible);
    metrics_print(out, refresh_metric_rows, refresh_metric_row_count, &refresh, 1);
    const void *reloads = &a->reloads;
    metrics_print(out, reload_rows, sizeof reload_rows / sizeof *reload_rows, &reloads, 1);
    server_print_metrics(a->server, out);
}

static int metrics(void *context, struct text *out)
{
    admin_print_metrics(context, out);
    return 200;
}

/* Which replica notifies for all writers. */
static const char *duty(const struct refresh_metrics *m)
{
    if (metric_get(&m->duty_on)) {
        return "here";
    }
    return metric_get(&m->duty_silent) ? "elsewhere" : "nobody";
}

/* `share`: of the products that there are by Postgres's statistics, which may be late. */
static void print_load(const struct refresh_metrics *m, struct text *out)
{
    uint64_t products = metric_get(&m->load_products);
    uint64_t expected = metric_get(&m->load_expected);
    text_printf(out, "\"load\":{\"running\":%s,\"waiting\":%s,\"products\":%" PRIu64 ",\"share\":",
                metric_get(&m->loading) ? "true" : "false", metric_get(&m->load_waiting) ? "true" : "false", products);
    if (!metric_get(&m->loading) && metric_get(&m->loads)) {
        text_str(out, "1");
    } else if (expected) {
        text_printf(out, "%.3f", products < expected ? (double)products / (double)expected : 1.0);
    } else {
        text_str(out, "null");
    }
    text_printf(out, ",\"completed\":%" PRIu64 "}}\n", metric_get(&m->loads));
}

static void print_feed(const struct admin *a, struct text *out)
{
    const struct refresh_metrics *m = refresher_metrics(a->refresher);
    int64_t unproven = unproven_us(a);
    text_printf(out,
                "\"feed\":{\"era\":\"%" PRIu64 "\",\"connected\":%s,\"proven\":%s,\"unproven_ms\":%" PRId64
                ",\"backlog\":%" PRIu64 ",\"duty\":\"%s\"},",
                metric_get(&m->era), metric_get(&m->connected) ? "true" : "false",
                unproven <= a->unproven_after_ms * 1000 ? "true" : "false", unproven / 1000, metric_get(&m->backlog),
                duty(m));
    print_load(m, out);
}

static int status(void *context, struct text *out)
{
    const struct admin *a = context;
    text_str(out, "{\"replica\":");
    text_json(out, a->replica, strlen(a->replica));
    text_printf(out, ",\"version\":\"%s\",\"commit\":\"%s\",\"pid\":%d,\"uptime_s\":%" PRId64 ",\"ready\":%s,",
                ATELIER_VERSION, ATELIER_COMMIT, (int)getpid(), (clock_us() - a->started_us) / 1000000,
                why_not_ready(a) ? "false" : "true");
    text_printf(out, "\"draining\":%s,\"workers\":%zu,\"connections\":%zu,",
                server_is_draining(a->server) ? "true" : "false", server_workers(a->server),
                server_connections(a->server));
    print_memory(a, out);
    admin_print_watch(a, out);
    print_feed(a, out);
    return 200;
}

const struct operations_route admin_routes[] = {
    {"/healthz", "text/plain; charset=utf-8", healthz},
    {"/readyz", "text/plain; charset=utf-8", readyz},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics},
    {"/status", "application/json", status},
};
const size_t admin_route_count = sizeof admin_routes / sizeof *admin_routes;
