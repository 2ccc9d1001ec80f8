/* A worker: an event loop that answers from the cache. All it needs for a hit is its own. */
#pragma once
#include "base/metric.h"
#include "cache/cache.h"
#include "cache/demand.h"
#include "serve/event_loop.h"
#include "serve/events.h"
#include "serve/path.h"
#include "serve/problem.h"
#include "serve/server.h"

enum { STATUS_SLOTS = 13 };

/* Counted by the worker, summed for /metrics. */
struct worker_metrics {
    struct route_metrics {
        metric requests;
        struct histogram durations; /* see duration_bounds_us */
    } routes[ROUTES][STATUS_SLOTS]; /* see status_slot */
    metric waits_fresh, waits_timeout, waits_refused;
    metric served_marked, served_unproven;
    metric bytes;
    metric events_sent, event_reloads[RELOADS], resumes_ring, resumes_log;
    metric followers_refused, followers_stalled;
    struct histogram lag; /* see serve/loop_lag.h */
};

/* What all workers share; fixed once they run, but for the words at the end. */
struct service {
    const struct server_options *options;
    struct cache *cache;
    struct demand *demand;
    struct coder *coder;
    _Atomic size_t waiting;   /* requests that wait, on all workers */
    _Atomic size_t followers; /* streams of events, on all workers */
    _Atomic bool draining;
};

struct worker {
    struct event_loop loop;
    struct service *service;
    struct server_tuning tuning; /* its own */
    struct guard *guard;
    struct worker_metrics metrics;
    uint64_t random[2]; /* for request ids */
    uint32_t log_turn;  /* counts requests for sampling */

    /* requests that wait for fresher data */
    h2o_linklist_t waiters;
    h2o_timeout_t wait_timeout;
    h2o_multithread_receiver_t news;
    h2o_multithread_message_t news_message;
    _Atomic bool news_sent;

    struct followers followers;

    /* the last Catalogue-Version, formatted */
    uint64_t version_era, version_number;
    char version[48];
    size_t version_len;
};

MUST_CHECK bool worker_init(struct worker *w, struct service *service, h2o_globalconf_t *config, struct error *e);
/* Any thread, while it runs: it follows this tuning and, for connections that come from then on, this TLS context
 * (NULL: it has none) within a turn. */
void worker_tune(struct worker *w, const struct server_tuning *tuning, SSL_CTX *tls);
/* After the thread has ended. */
void worker_fini(struct worker *w);
uint64_t worker_random(struct worker *w);

/* Statuses that are counted apart; the last slot is all others. */
int status_slot(int status);
extern const char *const status_slot_names[STATUS_SLOTS];
extern const int64_t duration_bounds_us[HISTOGRAM_BUCKETS - 1];
void worker_count_request(struct worker *w, enum route route, int status, int64_t microseconds);
