#include "serve/server.h"

#include "base/clock.h"
#include "serve/access_log.h"
#include "serve/coder.h"
#include "serve/exchange.h"
#include "serve/library_errors.h"
#include "serve/listen.h"
#include "serve/measures.h"
#include "serve/operations.h"
#include "serve/peers.h"
#include "serve/tls.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 64,
    /* h2o's limit, above which it answers by itself or resets the stream; below it our own answer says more. */
    ENTITY_MAX = 65536,
    /* Also the keep-alive time of idle HTTP/1.1 connections: above the balancer's, or it finds them closed. */
    HTTP1_TIMEOUT_MS = 75000,
    HTTP2_IDLE_MS = 75000,
    HTTP2_GRACE_MS = 30000,   /* for streams in flight when a connection is asked to go */
    HTTP2_REQUESTS_MAX = 128, /* a connection, at once */
    STUCK_US = 5000000,       /* without a turn */
};

struct server {
    struct service service;
    h2o_globalconf_t config, operations_config;
    SSL_CTX *tls;
    struct tls_metrics tls_metrics;
    size_t worker_count;
    struct worker *workers;
    struct event_loop operations;
    bool has_operations;
    struct text peers; /* origins of the other replicas' operations ports */
};

/* ---- configuration: all threads, fixed ------------------------------------------------------ */

static void configure(h2o_globalconf_t *config, const char *name, int64_t age_max_s)
{
    int64_t grace_ms = age_max_s > 0 && age_max_s * 250 < HTTP2_GRACE_MS ? age_max_s * 250 : HTTP2_GRACE_MS;
    h2o_config_init(config);
    config->server_name = h2o_iovec_init(name, strlen(name));
    config->max_request_entity_size = ENTITY_MAX;
    config->http1.req_timeout = HTTP1_TIMEOUT_MS;
    config->http2.idle_timeout = HTTP2_IDLE_MS;
    config->http2.graceful_shutdown_timeout = (uint64_t)grace_ms;
    config->http2.max_concurrent_requests_per_connection = HTTP2_REQUESTS_MAX;
}

static void configure_all(struct server *s, const struct operations_route *routes, size_t count, void *context)
{
    configure(&s->config, "atelier", s->service.options->connection_age_max_s);
    h2o_hostconf_t *host = h2o_config_register_host(&s->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    handler_register(host);
    access_log_register(host->paths.entries);
    library_errors_register(host);
    configure(&s->operations_config, "atelier-operations", 0);
    h2o_hostconf_t *operations =
        h2o_config_register_host(&s->operations_config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    operations_register(operations, routes, count, context, s->peers.len ? s->peers.at : "");
}

static size_t count_workers(const struct server_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t workers = options->workers > 0 ? options->workers : cores > 0 ? cores : 1;
    return (size_t)(workers < WORKERS_MAX ? workers : WORKERS_MAX);
}

/* ---- sockets -------------------------------------------------------------------------------- */

static bool listen_workers(struct server *s, const char *address, SSL_CTX *tls, bool proxy_line, struct error *e)
{
    int fds[WORKERS_MAX];
    if (!*address) {
        return true;
    }
    if (!listen_open(address, fds, s->worker_count, e)) {
        return false;
    }
    for (size_t i = 0; i < s->worker_count; i++) {
        event_loop_listen(&s->workers[i].loop, fds[i], tls, proxy_line);
    }
    return true;
}

static bool listen_operations(struct server *s, struct error *e)
{
    int fd;
    const char *address = s->service.options->listen_operations;
    event_loop_init(&s->operations, "operations", &s->operations_config, 256);
    s->has_operations = *address != '\0';
    if (!s->has_operations) {
        return true;
    }
    if (!listen_open(address, &fd, 1, e)) {
        return false;
    }
    event_loop_listen(&s->operations, fd, NULL, false);
    return true;
}

static bool make_tls(struct server *s, const struct server_options *o, SSL_CTX **out, struct error *e)
{
    const struct tls_files files = {
        .certificate = o->tls_certificate, .key = o->tls_key, .ticket_keys = o->tls_ticket_keys};
    return tls_context_new(out, &files, &s->tls_metrics, e);
}

static bool listen_all(struct server *s, struct error *e)
{
    const struct server_options *o = s->service.options;
    if (*o->listen_tls && !make_tls(s, o, &s->tls, e)) {
        return false;
    }
    return listen_workers(s, o->listen, NULL, false, e) &&
           listen_workers(s, o->listen_tls, s->tls, o->proxy_protocol, e) && listen_operations(s, e);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool init_workers(struct server *s, struct error *e)
{
    s->workers = calloc(s->worker_count, sizeof *s->workers);
    if (!s->workers) {
        return error_set(e, ERROR_SYSTEM, "no memory for %zu workers", s->worker_count);
    }
    for (size_t i = 0; i < s->worker_count; i++) {
        if (!worker_init(&s->workers[i], &s->service, &s->config, e)) {
            return false;
        }
    }
    return true;
}

bool server_new(struct server **out, const struct server_options *options, struct cache *cache, struct demand *demand,
                const struct operations_route *routes, size_t route_count, void *context, struct error *e)
{
    if (!path_prefix_is_valid(options->path_prefix)) {
        return error_set(e, ERROR_USAGE,
                         "--path-prefix: '%s' came; accepted: segments of letters, digits, '-', '.', '_' and '~', each"
                         " with '/' before it, the first not 'products', at most %d bytes: /api/v1",
                         options->path_prefix, PATH_PREFIX_MAX);
    }
    struct server *s = calloc(1, sizeof *s);
    if (!s) {
        return error_set(e, ERROR_SYSTEM, "no memory for the server");
    }
    signal(SIGPIPE, SIG_IGN);
    s->service = (struct service){.options = options, .cache = cache, .demand = demand};
    s->worker_count = count_workers(options);
    if (!peers_parse(options->operations_peers, &s->peers, e)) {
        server_free(&s);
        return false;
    }
    configure_all(s, routes, route_count, context);
    if (!coder_new(&s->service.coder, s->service.cache, (size_t)options->brotli_max, e) || !init_workers(s, e) ||
        !listen_all(s, e)) {
        server_free(&s);
        return false;
    }
    *out = s;
    return true;
}

bool server_start(struct server *s, struct error *e)
{
    if (!coder_start(s->service.coder, e)) {
        return false;
    }
    for (size_t i = 0; i < s->worker_count; i++) {
        if (!event_loop_start(&s->workers[i].loop, e)) {
            return false;
        }
    }
    return !s->has_operations || event_loop_start(&s->operations, e);
}

bool server_reload(struct server *s, const struct server_options *fresh, struct error *e)
{
    SSL_CTX *tls = NULL;
    if (s->tls && !make_tls(s, fresh, &tls, e)) {
        return false;
    }
    for (size_t i = 0; i < s->worker_count; i++) {
        worker_tune(&s->workers[i], &fresh->tuning, tls);
    }
    SSL_CTX_free(s->tls); /* the workers have references, too */
    s->tls = tls;
    return true;
}

size_t server_drain(struct server *s, int64_t deadline_us)
{
    size_t cut = 0;
    atomic_store(&s->service.draining, true);
    for (size_t i = 0; i < s->worker_count; i++) {
        event_loop_drain(&s->workers[i].loop, deadline_us);
    }
    for (size_t i = 0; i < s->worker_count; i++) {
        event_loop_join(&s->workers[i].loop);
        cut += atomic_load(&s->workers[i].loop.connections);
    }
    if (s->has_operations) {
        event_loop_drain(&s->operations, clock_us());
        event_loop_join(&s->operations);
    }
    return cut;
}

void server_free(struct server **server)
{
    struct server *s = *server;
    if (!s) {
        return;
    }
    for (size_t i = 0; s->workers && i < s->worker_count; i++) {
        worker_fini(&s->workers[i]);
    }
    SSL_CTX_free(s->tls);
    coder_free(&s->service.coder);
    text_fini(&s->peers);
    /* libh2o's loops and contexts cannot be taken apart while connections that were cut off hang on them: they, and
     * the workers that they point into, end with the process. */
    *server = NULL;
}

/* ---- any thread ----------------------------------------------------------------------------- */

bool server_is_draining(const struct server *s)
{
    return atomic_load(&((struct server *)(uintptr_t)s)->service.draining);
}

static int64_t turned_us(const struct event_loop *loop)
{
    return atomic_load_explicit(&((struct event_loop *)(uintptr_t)loop)->turned_us, memory_order_relaxed);
}

/* `now_us`: what the time is held against. */
static bool workers_turn(const struct server *s, int64_t now_us, struct error *e)
{
    for (size_t i = 0; i < s->worker_count; i++) {
        int64_t behind_us = now_us - turned_us(&s->workers[i].loop);
        if (behind_us > STUCK_US) {
            return error_set(e, ERROR_SYSTEM,
                             "worker %zu of %zu is stuck: its event loop has not turned for %" PRId64 " s", i + 1,
                             s->worker_count, behind_us / 1000000);
        }
    }
    return true;
}

bool server_turns(const struct server *s, struct error *e)
{
    return workers_turn(s, turned_us(&s->operations), e);
}

bool server_turns_now(const struct server *s, struct error *e)
{
    int64_t now_us = clock_coarse_us();
    if (s->has_operations && now_us - turned_us(&s->operations) > STUCK_US) {
        return error_set(e, ERROR_SYSTEM, "the operations port is stuck: its event loop does not turn");
    }
    return workers_turn(s, now_us, e);
}

size_t server_workers(const struct server *s)
{
    return s->worker_count;
}

size_t server_connections(const struct server *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->worker_count; i++) {
        count += atomic_load(&s->workers[i].loop.connections);
    }
    return count;
}

static void print_peers(const struct server *s, struct text *out)
{
    text_str(out, "\"peers\":[");
    for (const char *at = s->peers.len ? s->peers.at : ""; *at; at += *at == ' ') {
        size_t len = strcspn(at, " ");
        text_str(out, at == s->peers.at ? "" : ",");
        text_json(out, at, len);
        at += len;
    }
    text_str(out, "],");
}

void server_print_status(const struct server *s, struct text *out)
{
    text_printf(out, "\"followers\":%zu,", atomic_load(&((struct server *)(uintptr_t)s)->service.followers));
    measures_print_traffic(s->workers, s->worker_count, out);
    print_peers(s, out);
}

#define ROW(field, name, labels, help)                                                                                 \
    {                                                                                                                  \
        name, labels, METRIC_COUNTER, offsetof(struct worker_metrics, field), help                                     \
    }
#define RELOAD(reason, name)                                                                                           \
    ROW(event_reloads[reason], "atelier_events_reloads_total", "reason=\"" name "\"",                                  \
        "Followers told to reload, by why")
static const char resumes_help[] = "Streams that went on after what their client had seen, by how that was found";
static const char waits_help[] = "Requests that waited for a fresher document, by how that ended";
static const struct metric_row worker_rows[] = {
    ROW(waits_fresh, "atelier_http_waits_total", "outcome=\"fresh\"", waits_help),
    ROW(waits_timeout, "atelier_http_waits_total", "outcome=\"timeout\"", waits_help),
    ROW(waits_refused, "atelier_http_waits_total", "outcome=\"refused\"", waits_help),
    ROW(served_marked, "atelier_http_marked_total", NULL,
        "Answers that said detail=marked: a newer version was known of"),
    ROW(served_unproven, "atelier_http_unproven_total", NULL, "Answers that said detail=unproven: Postgres was away"),
    ROW(events_sent, "atelier_events_sent_total", NULL, "Changes told to followers of /events"),
    RELOAD(RELOAD_EVERYTHING, "everything"),
    RELOAD(RELOAD_BULK, "bulk"),
    RELOAD(RELOAD_ERA, "era"),
    RELOAD(RELOAD_BEHIND, "behind"),
    RELOAD(RELOAD_PRUNED, "pruned"),
    RELOAD(RELOAD_UNKNOWN, "unknown"),
    ROW(resumes_ring, "atelier_events_resumes_total", "from=\"ring\"", resumes_help),
    ROW(resumes_log, "atelier_events_resumes_total", "from=\"log\"", resumes_help),
    ROW(followers_refused, "atelier_events_refused_total", NULL, "Streams refused because of --events-max"),
    ROW(followers_stalled, "atelier_events_stalled_total", NULL, "Streams cut off because of --events-stall-ms"),
    ROW(bytes, "atelier_http_body_bytes_total", NULL, "Bytes of bodies sent, before TLS and framing"),
};

void server_print_metrics(const struct server *s, struct text *out)
{
    const void *sources[WORKERS_MAX];
    uint64_t accepted = 0;
    uint64_t refused = 0;
    for (size_t i = 0; i < s->worker_count; i++) {
        sources[i] = &s->workers[i].metrics;
        accepted += atomic_load(&s->workers[i].loop.accepted);
        refused += atomic_load(&s->workers[i].loop.refused);
    }
    measures_print_requests(s->workers, s->worker_count, out);
    measures_print_loops(s->workers, s->worker_count, out);
    coder_print_metrics(s->service.coder, out);
    metrics_print(out, worker_rows, sizeof worker_rows / sizeof *worker_rows, sources, s->worker_count);
    const void *tls = &s->tls_metrics;
    metrics_print(out, tls_metric_rows, tls_metric_row_count, &tls, 1);
    metric_print_header(out, "atelier_events_subscribers", METRIC_GAUGE, "Open streams of /events");
    text_printf(out, "atelier_events_subscribers %zu\n",
                atomic_load(&((struct server *)(uintptr_t)s)->service.followers));
    metric_print_header(out, "atelier_connections_accepted_total", METRIC_COUNTER, "Connections accepted");
    text_printf(out, "atelier_connections_accepted_total %llu\n", (unsigned long long)accepted);
    metric_print_header(out, "atelier_connections_refused_total", METRIC_COUNTER,
                        "Connections closed at once because of --connections-max");
    text_printf(out, "atelier_connections_refused_total %llu\n", (unsigned long long)refused);
    metric_print_header(out, "atelier_connections", METRIC_GAUGE, "Open connections");
    text_printf(out, "atelier_connections %zu\n", server_connections(s));
}
