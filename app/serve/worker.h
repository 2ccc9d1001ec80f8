/* A worker: an event loop that answers from the cache. All it needs for a hit is its own. */
#pragma once
#include "base/metric.h"
#include "cache/cache.h"
#include "cache/demand.h"
#include "serve/event_loop.h"
#include "serve/path.h"
#include "serve/problem.h"
#include "serve/server.h"

enum { STATUS_SLOTS = 13 };

/* Counted by the worker, summed for /metrics. */
struct worker_metrics {
    metric requests[ROUTES][STATUS_SLOTS]; /* see status_slot */
    metric waits_fresh, waits_timeout, waits_refused;
    metric served_marked, served_unproven;
    metric bytes;
};

/* What all workers share; fixed once they run, but for the two words at the end. */
struct service {
    const struct server_options *options;
    struct cache *cache;
    struct demand *demand;
    _Atomic size_t waiting; /* requests that wait, on all workers */
    _Atomic bool draining;
};

struct worker {
    struct event_loop loop;
    struct service *service;
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

    /* the last Catalogue-Version, formatted */
    uint64_t version_era, version_number;
    char version[48];
    size_t version_len;
};

MUST_CHECK bool worker_init(struct worker *w, struct service *service, h2o_globalconf_t *config, struct error *e);
/* After the thread has ended. */
void worker_fini(struct worker *w);
uint64_t worker_random(struct worker *w);

/* Statuses that are counted apart; the last slot is all others. */
int status_slot(int status);
extern const char *const status_slot_names[STATUS_SLOTS];
