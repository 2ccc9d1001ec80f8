/* The request for /events, and what its client has missed. */
#include "serve/follower.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    RESUME_US = 5000000, /* how long what was missed is looked for */
    RETRY_MS = 1000,     /* … until three times that: clients come back after so long, not all at once */
};

/* Outlives its follower, if that goes away meanwhile. */
struct question {
    struct resume resume;
    struct worker *worker;
    struct follower *follower;
    h2o_multithread_message_t message;
    int64_t wanted[];
};

/* ---- what was missed ------------------------------------------------------------------------ */

static void free_question(struct question *q)
{
    event_id_fini(&q->resume.since);
    event_batch_free(q->resume.parts[0]);
    event_batch_free(q->resume.parts[1]);
    free(q);
}

static void take_answer(struct question *q)
{
    struct follower *f = q->follower;
    f->question = NULL;
    f->number = q->resume.next;
    for (size_t i = 0; i < 2; i++) {
        f->parts[i] = q->resume.parts[i];
        q->resume.parts[i] = NULL;
    }
    f->product = f->parts[0] ? q->resume.since.product : 0;
    metric_add_own(&f->worker->metrics.resumes_log, 1);
    f->reload = q->resume.reload;
    follower_look(f);
}

static void on_answers(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        struct question *q = H2O_STRUCT_FROM_MEMBER(struct question, message.link, messages->next);
        h2o_linklist_unlink(&q->message.link);
        if (q->follower) {
            take_answer(q);
        }
        free_question(q);
    }
}

/* On the refresher's thread. */
static void on_answered(struct resume *resume)
{
    struct question *q = H2O_STRUCT_FROM_MEMBER(struct question, resume, resume);
    h2o_multithread_send_message(&q->worker->followers.answers, &q->message);
}

/* Takes `since`. */
static void ask(struct follower *f, struct event_id *since)
{
    size_t ids = f->wanted.count * sizeof *f->wanted.ids;
    struct question *q = h2o_mem_alloc(sizeof *q + ids);
    memset(q, 0, sizeof *q);
    h2o_memcpy(q->wanted, f->wanted.ids, ids);
    q->resume = (struct resume){.since = *since,
                                .wanted = ids ? q->wanted : NULL,
                                .wanted_count = f->wanted.count,
                                .until_us = clock_us() + RESUME_US,
                                .done = on_answered};
    *since = (struct event_id){0};
    q->worker = f->worker;
    q->follower = f;
    f->question = q;
    events_ask(f->worker->service->cache, &q->resume);
}

/* Where to begin: at the head, after what was seen, or after it has been asked what has changed since. */
static void find_place(struct follower *f, struct event_id *seen)
{
    struct guard *g = f->worker->guard;
    guard_enter(g);
    const struct event_batch *head = events_head(g);
    bool found = seen->era == 0 || events_find(g, seen, &f->number, &f->product);
    if (seen->era == 0) {
        f->number = follower_after_head(g, head);
        event_text_heartbeat(&f->piece, head);
    } else if (found) {
        metric_add_own(&f->worker->metrics.resumes_ring, 1);
    }
    guard_leave(g);
    if (!found) {
        ask(f, seen);
    }
}

void question_forget(struct question *q)
{
    q->follower = NULL;
}

void questions_init(struct worker *w)
{
    h2o_multithread_register_receiver(w->loop.queue, &w->followers.answers, on_answers);
}

/* ---- the request ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static struct wanted take_wanted(const struct exchange *x)
{
    size_t count = x->target.id_count;
    int64_t *ids = h2o_mem_alloc_pool(&x->req->pool, count * sizeof *ids);
    memcpy(ids, x->target.ids, count * sizeof *ids);
    qsort(ids, count, sizeof *ids, by_value);
    return (struct wanted){.ids = ids, .count = count};
}

/* Takes `seen`; `x` is counted already. */
static void follow(struct exchange *x, struct event_id *seen)
{
    struct follower *f = follower_new(x);
    f->wanted = take_wanted(x);
    /* From here on news is announced to this worker; what came before is in the ring. */
    exchange_begin_events(x, &f->generator);
    text_printf(&f->piece, "retry: %d\n", (int)(RETRY_MS + worker_random(x->worker) % (2 * RETRY_MS)));
    bool is_new = seen->era == 0;
    if (!follower_must_end(f)) {
        find_place(f, seen);
    }
    if (follower_must_end(f) || !is_new) {
        text_str(&f->piece, "\n");
    }
    follower_write(f);
}

static bool is_room(struct exchange *x)
{
    struct service *service = x->worker->service;
    if (atomic_fetch_add(&service->followers, 1) < (size_t)x->worker->tuning.events_max) {
        atomic_fetch_add(&x->worker->followers.count, 1);
        return true;
    }
    atomic_fetch_sub(&service->followers, 1);
    metric_add_own(&x->worker->metrics.followers_refused, 1);
    exchange_refuse(x, PROBLEM_UNAVAILABLE, "%lld streams of events are open, and no more are accepted here",
                    (long long)x->worker->tuning.events_max);
    return false;
}

static bool is_loaded(struct exchange *x)
{
    struct guard *g = x->worker->guard;
    guard_enter(g);
    bool loaded = cache_was_complete(g->cache) && events_head(g);
    guard_leave(g);
    if (!loaded) {
        exchange_refuse(x, PROBLEM_NOT_LOADED, "the catalogue is still being loaded");
    }
    return loaded;
}

static bool take_seen(struct exchange *x, struct event_id *seen)
{
    struct error e;
    h2o_iovec_t id = x->last_event_id;
    if (id.len == 0 || event_id_parse(id.base, id.len, seen, &e)) {
        return true;
    }
    exchange_refuse(x, PROBLEM_BAD_HEADER, "last-event-id: '%.*s' came; %s", (int)(id.len < 60 ? id.len : 60), id.base,
                    e.text);
    return false;
}

void exchange_follow(struct exchange *x)
{
    struct event_id seen = {0};
    if (!is_loaded(x) || !take_seen(x, &seen)) {
        return;
    }
    if (x->head) {
        static h2o_generator_t none;
        exchange_begin_events(x, &none);
        h2o_send(x->req, NULL, 0, H2O_SEND_STATE_FINAL);
    } else if (is_room(x)) {
        follow(x, &seen);
    }
    event_id_fini(&seen);
}
