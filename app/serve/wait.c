/* Waiting: requests whose document is marked or missing wait, on their worker, for news from the
 * refresher; each news looks at all of them again. The number that wait is limited, and so is the time. */
#include "base/clock.h"
#include "serve/exchange.h"

struct waiter {
    struct exchange exchange;
    h2o_linklist_t link; /* in worker->waiters; unlinked: answered or gone */
    h2o_timeout_entry_t timeout;
};

static void leave(struct waiter *w)
{
    if (h2o_linklist_is_linked(&w->link)) {
        h2o_linklist_unlink(&w->link);
        h2o_timeout_unlink(&w->timeout);
        atomic_fetch_sub(&w->exchange.worker->service->waiting, 1);
    }
}

/* The request's pool goes: it was answered, or its client went away. */
static void on_disposed(void *waiter)
{
    leave(waiter);
}

/* true: answered. */
static bool try_again(struct waiter *w, bool last)
{
    struct answer answer;
    exchange_look_up(&w->exchange, last, &answer);
    if (answer.kind == ANSWER_WAIT) {
        return false;
    }
    leave(w);
    exchange_respond(&w->exchange, &answer);
    return true;
}

static void on_timeout(h2o_timeout_entry_t *entry)
{
    struct waiter *w = H2O_STRUCT_FROM_MEMBER(struct waiter, timeout, entry);
    metric_add_own(&w->exchange.worker->metrics.waits_timeout, 1);
    try_again(w, true);
}

static struct waiter *waiter_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct waiter, link, link);
}

static void look_at_all(struct worker *worker, bool last)
{
    for (h2o_linklist_t *at = worker->waiters.next; at != &worker->waiters;) {
        struct waiter *w = waiter_of(at);
        at = at->next;
        if (try_again(w, last)) {
            metric_add_own(&worker->metrics.waits_fresh, 1);
        }
    }
}

static void on_news(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, news, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        h2o_linklist_unlink(messages->next);
    }
    atomic_store(&worker->news_sent, false); /* from here on new news is sent again */
    look_at_all(worker, false);
}

/* On the refresher's thread. */
static void send_news(void *context)
{
    struct worker *worker = context;
    if (atomic_load(&worker->service->waiting) > 0 && !atomic_exchange(&worker->news_sent, true)) {
        h2o_multithread_send_message(&worker->news, &worker->news_message);
    }
}

bool exchange_wait(const struct exchange *x)
{
    struct worker *worker = x->worker;
    struct service *service = worker->service;
    if (atomic_fetch_add(&service->waiting, 1) >= (size_t)worker->tuning.waiters_max) {
        atomic_fetch_sub(&service->waiting, 1);
        metric_add_own(&worker->metrics.waits_refused, 1);
        return false;
    }
    struct waiter *w = h2o_mem_alloc_shared(&x->req->pool, sizeof *w, on_disposed);
    *w = (struct waiter){.exchange = *x, .timeout = {.cb = on_timeout}};
    h2o_linklist_insert(&worker->waiters, &w->link);
    h2o_timeout_link(worker->loop.loop, &worker->wait_timeout, &w->timeout);
    /* News that came between the first look and now was not sent to us: look once more. */
    if (try_again(w, false)) {
        metric_add_own(&worker->metrics.waits_fresh, 1);
    }
    return true;
}

void waiting_expire(struct worker *w)
{
    int64_t limit_us = w->tuning.wait_ms * 1000;
    while (!h2o_linklist_is_empty(&w->waiters)) {
        struct waiter *first = waiter_of(w->waiters.next);
        if (clock_us() - first->exchange.begun_us < limit_us) {
            break;
        }
        on_timeout(&first->timeout);
    }
}

void waiting_init(struct worker *w)
{
    h2o_linklist_init_anchor(&w->waiters);
    h2o_timeout_init(w->loop.loop, &w->wait_timeout, (uint64_t)w->tuning.wait_ms);
    h2o_multithread_register_receiver(w->loop.queue, &w->news, on_news);
}

void waiting_tune(struct worker *w)
{
    w->wait_timeout.timeout = (uint64_t)w->tuning.wait_ms;
}

void waiting_watch(struct worker *w)
{
    demand_watch(w->service->demand, send_news, w);
}

void waiting_flush(struct worker *w)
{
    look_at_all(w, true);
}
