#include "serve/worker.h"

#include "serve/exchange.h"

#include <string.h>
#include <sys/random.h>

static const int counted[STATUS_SLOTS - 1] = {200, 204, 304, 400, 404, 405, 406, 413, 414, 431, 500, 503};
const char *const status_slot_names[STATUS_SLOTS] = {"200", "204", "304", "400", "404", "405",  "406",
                                                     "413", "414", "431", "500", "503", "other"};

int status_slot(int status)
{
    int slot = 0;
    while (slot < STATUS_SLOTS - 1 && counted[slot] != status) {
        slot++;
    }
    return slot;
}

const int64_t duration_bounds_us[DURATION_BUCKETS - 1] = {10,   25,   50,    100,   250,    500,   1000,
                                                          2500, 5000, 10000, 50000, 100000, 250000};

void worker_count_request(struct worker *w, enum route route, int status, int64_t microseconds)
{
    struct route_metrics *m = &w->metrics.routes[route][status_slot(status)];
    int bucket = 0;
    while (bucket < DURATION_BUCKETS - 1 && microseconds > duration_bounds_us[bucket]) {
        bucket++;
    }
    metric_add_own(&m->requests, 1);
    metric_add_own(&m->microseconds, (uint64_t)microseconds);
    metric_add_own(&m->durations[bucket], 1);
}

/* xoroshiro128+ (D. Blackman, S. Vigna, 2018): ids only have to be different. */
uint64_t worker_random(struct worker *w)
{
    uint64_t a = w->random[0];
    uint64_t b = w->random[1];
    uint64_t result = a + b;
    b ^= a;
    w->random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    w->random[1] = (b << 37) | (b >> 27);
    return result;
}

static void on_start(struct event_loop *loop)
{
    waiting_init(H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop));
}

/* On drain, those that wait are answered with what there is. */
static void before_wait(struct event_loop *loop)
{
    if (loop->draining) {
        waiting_flush(H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop));
    }
}

bool worker_init(struct worker *w, struct service *service, h2o_globalconf_t *config, struct error *e)
{
    *w = (struct worker){.service = service};
    w->guard = guard_new(service->cache);
    if (!w->guard || getrandom(w->random, sizeof w->random, 0) != sizeof w->random) {
        return error_set(e, ERROR_SYSTEM, "no memory or no random numbers for a worker");
    }
    event_loop_init(&w->loop, "worker", config, (size_t)service->options->connections_max);
    w->loop.on_start = on_start;
    w->loop.before_wait = before_wait;
    w->loop.age_max_us = service->options->connection_age_max_s * 1000000;
    waiting_watch(w);
    return true;
}

void worker_fini(struct worker *w)
{
    if (w->guard) {
        guard_free(&w->guard);
    }
}
