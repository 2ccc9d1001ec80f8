#include "serve/worker.h"

#include "serve/exchange.h"
#include "serve/loop_lag.h"

#include <string.h>
#include <sys/random.h>

static void on_start(struct event_loop *loop)
{
    struct worker *w = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop);
    waiting_init(w);
    followers_init(w);
    loop_lag_watch(loop, &w->metrics.lag);
}

/* On drain, those that wait are answered with what there is. */
static void before_wait(struct event_loop *loop)
{
    struct worker *w = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop);
    waiting_expire(w);
    if (loop->draining) {
        waiting_flush(w);
    }
    loop->busy = followers_turn(w);
}

bool worker_init(struct worker *w, struct service *service, h2o_globalconf_t *config, struct error *e)
{
    *w = (struct worker){.service = service, .tuning = service->options->tuning};
    w->guard = guard_new(service->cache);
    if (!w->guard || getrandom(w->random, sizeof w->random, 0) != sizeof w->random) {
        return error_set(e, ERROR_SYSTEM, "no memory or no random numbers for a worker");
    }
    event_loop_init(&w->loop, "worker", config, (size_t)w->tuning.connections_max);
    w->loop.on_start = on_start;
    w->loop.before_wait = before_wait;
    w->loop.age_max_us = service->options->connection_age_max_s * 1000000;
    waiting_watch(w);
    followers_watch(w);
    return true;
}

struct tuning_order {
    struct loop_order super;
    struct server_tuning tuning;
    SSL_CTX *tls;
};

static void tune(struct event_loop *loop, struct loop_order *super)
{
    struct worker *w = H2O_STRUCT_FROM_MEMBER(struct worker, loop, loop);
    struct tuning_order *order = H2O_STRUCT_FROM_MEMBER(struct tuning_order, super, super);
    w->tuning = order->tuning;
    loop->connections_max = (size_t)w->tuning.connections_max;
    waiting_tune(w);
    if (order->tls) {
        event_loop_set_tls(loop, order->tls);
        SSL_CTX_free(order->tls);
    }
}

void worker_tune(struct worker *w, const struct server_tuning *tuning, SSL_CTX *tls)
{
    struct tuning_order *order = h2o_mem_alloc(sizeof *order);
    *order = (struct tuning_order){.super = {.carry_out = tune}, .tuning = *tuning, .tls = tls};
    if (tls) {
        SSL_CTX_up_ref(tls);
    }
    event_loop_send(&w->loop, &order->super);
}

void worker_fini(struct worker *w)
{
    if (w->guard) {
        guard_free(&w->guard);
    }
}
