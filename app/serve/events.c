#include "serve/events.h"

#include "base/clock.h"
#include "serve/event_text.h"
#include "serve/exchange.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
    PIECE = 8192,            /* bytes written at once, about */
    TURN_BUDGET = 1024,      /* looks in a turn of the loop … */
    COST_OF_WRITING = 8,     /* … a write being so many */
    RESUME_US = 5000000,     /* how long what was missed is looked for */
    DRAIN_WRITE_US = 500000, /* how long a write under way may take on drain */
    RETRY_MS = 1000,         /* … until three times that: clients come back after so long, not all at once */
};

struct question;

struct follower {
    h2o_generator_t generator;
    h2o_req_t *req;
    struct worker *worker;
    h2o_linklist_t all, place; /* in the worker's lists; unlinked: it is gone */
    bool writing, ending;
    int64_t since_us;             /* in its place */
    struct text piece;            /* being written */
    uint64_t number;              /* of the next batch, and … */
    int64_t product;              /* … how much of it has been told */
    struct event_batch *parts[2]; /* to be told before */
    enum reload reload;           /* … or this */
    struct question *question;    /* under way */
    struct wanted wanted;
};

/* Outlives its follower, if that goes away meanwhile. */
struct question {
    struct resume resume;
    struct worker *worker;
    struct follower *follower;
    h2o_multithread_message_t message;
    int64_t wanted[];
};

/* ---- life ----------------------------------------------------------------------------------- */

static void move_to(struct follower *f, bool writing)
{
    struct followers *all = &f->worker->followers;
    h2o_linklist_unlink(&f->place);
    f->writing = writing;
    f->since_us = clock_us();
    h2o_linklist_insert(writing ? &all->writing : &all->idle, &f->place);
}

static void leave(struct follower *f)
{
    struct worker *w = f->worker;
    if (!h2o_linklist_is_linked(&f->all)) {
        return;
    }
    if (w->followers.walk == &f->all) {
        w->followers.walk = f->all.next;
    }
    h2o_linklist_unlink(&f->all);
    h2o_linklist_unlink(&f->place);
    atomic_fetch_sub(&w->followers.count, 1);
    atomic_fetch_sub(&w->service->followers, 1);
}

static void drop_parts(struct follower *f)
{
    event_batch_free(f->parts[0]);
    event_batch_free(f->parts[1]);
    f->parts[0] = f->parts[1] = NULL;
}

/* The request's pool goes: the stream was ended, or the client went away. */
static void on_disposed(void *follower)
{
    struct follower *f = follower;
    leave(f);
    drop_parts(f);
    text_fini(&f->piece);
    if (f->question) {
        f->question->follower = NULL;
    }
}

/* In good form: the client comes back, and goes on with another replica. It may be gone when this returns. */
static void finish(struct follower *f)
{
    leave(f);
    h2o_send(f->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static bool must_end(const struct follower *f)
{
    return f->worker->loop.draining || f->req->conn->ctx->shutdown_requested;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void tell_reload(struct follower *f, const struct event_batch *b, enum reload why)
{
    event_text_reload(&f->piece, b, why);
    metric_add_own(&f->worker->metrics.event_reloads[why], 1);
}

/* Loose batches after the head may have pushed it out of the ring, and each other: then it is on from the next one. */
static uint64_t after_head(const struct guard *g, const struct event_batch *head)
{
    return events_at(g, head->number) ? head->number + 1 : events_next(g->cache);
}

/* What was told before does not matter any more: on from the head. Inside the guard. */
static void tell_anew(struct follower *f, enum reload why)
{
    const struct event_batch *head = events_head(f->worker->guard);
    drop_parts(f);
    f->number = after_head(f->worker->guard, head);
    f->product = 0;
    tell_reload(f, head, why);
}

static void tell_missed(struct follower *f)
{
    guard_enter(f->worker->guard);
    tell_anew(f, f->reload);
    guard_leave(f->worker->guard);
    f->reload = RELOAD_NOT;
}

/* true: it is told whole. */
static bool tell_changes(struct follower *f, const struct event_batch *b)
{
    uint64_t count = 0;
    bool whole = event_text_changes(&f->piece, b, f->wanted, &f->product, PIECE, &count);
    metric_add_own(&f->worker->metrics.events_sent, count);
    f->product = whole ? 0 : f->product;
    return whole;
}

static void tell_parts(struct follower *f)
{
    for (size_t i = 0; i < 2; i++) {
        if (f->parts[i]) {
            if (!tell_changes(f, f->parts[i])) {
                return;
            }
            event_batch_free(f->parts[i]);
            f->parts[i] = NULL;
        }
    }
}

static void tell_ring(struct follower *f)
{
    struct guard *g = f->worker->guard;
    uint64_t next = events_next(g->cache);
    guard_enter(g);
    while (f->number < next && f->piece.len < PIECE) {
        const struct event_batch *b = events_at(g, f->number);
        if (!b) {
            tell_anew(f, RELOAD_BEHIND);
        } else if (b->reload) {
            tell_reload(f, b, b->reload);
            f->number++;
        } else if (tell_changes(f, b)) {
            f->number++;
        }
    }
    guard_leave(g);
}

static void write_piece(struct follower *f)
{
    h2o_iovec_t piece = h2o_iovec_init(f->piece.at, f->piece.len);
    if (f->piece.failed) {
        finish(f); /* no memory: what was not written is told when the client is back */
        return;
    }
    metric_add_own(&f->worker->metrics.bytes, piece.len);
    move_to(f, true);
    h2o_send(f->req, &piece, 1, H2O_SEND_STATE_IN_PROGRESS);
}

/* Ends it or writes what is new, unless a write is under way. true: it did. */
static bool look(struct follower *f)
{
    if (f->writing) {
        return false;
    }
    if (must_end(f)) {
        finish(f);
        return true;
    }
    if (f->question) {
        return false;
    }
    if (f->reload) {
        tell_missed(f);
    }
    tell_parts(f);
    if (!f->parts[0] && !f->parts[1]) {
        tell_ring(f);
    }
    if (f->piece.len == 0 && !f->piece.failed) {
        return false;
    }
    write_piece(f);
    return true;
}

/* libh2o: the piece is written. */
static void on_written(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    struct follower *f = H2O_STRUCT_FROM_MEMBER(struct follower, generator, generator);
    text_fini(&f->piece);
    move_to(f, false);
    look(f);
}

static void beat(struct follower *f)
{
    struct guard *g = f->worker->guard;
    guard_enter(g);
    bool knows_all = !f->question && !f->reload && !f->parts[0] && !f->parts[1] && f->number == events_next(g->cache);
    event_text_heartbeat(&f->piece, knows_all ? events_head(g) : NULL);
    guard_leave(g);
    write_piece(f);
}

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
    look(f);
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
        f->number = after_head(g, head);
        event_text_heartbeat(&f->piece, head);
    } else if (found) {
        metric_add_own(&f->worker->metrics.resumes_ring, 1);
    }
    guard_leave(g);
    if (!found) {
        ask(f, seen);
    }
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
    struct worker *w = x->worker;
    struct follower *f = h2o_mem_alloc_shared(&x->req->pool, sizeof *f, on_disposed);
    *f = (struct follower){.generator = {.proceed = on_written}, .req = x->req, .worker = w, .wanted = take_wanted(x)};
    h2o_linklist_insert(&w->followers.all, &f->all);
    h2o_linklist_insert(&w->followers.idle, &f->place);
    /* From here on news is announced to this worker; what came before is in the ring. */
    exchange_begin_events(x, &f->generator);
    text_printf(&f->piece, "retry: %d\n", (int)(RETRY_MS + worker_random(w) % (2 * RETRY_MS)));
    bool is_new = seen->era == 0;
    if (!must_end(f)) {
        find_place(f, seen);
    }
    if (must_end(f) || !is_new) {
        text_str(&f->piece, "\n");
    }
    write_piece(f);
}

static bool is_room(struct exchange *x)
{
    struct service *service = x->worker->service;
    if (atomic_fetch_add(&service->followers, 1) < (size_t)service->options->events_max) {
        atomic_fetch_add(&x->worker->followers.count, 1);
        return true;
    }
    atomic_fetch_sub(&service->followers, 1);
    metric_add_own(&x->worker->metrics.followers_refused, 1);
    exchange_refuse(x, PROBLEM_UNAVAILABLE, "%lld streams of events are open, and no more are accepted here",
                    (long long)service->options->events_max);
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

/* ---- a turn of the loop --------------------------------------------------------------------- */

static void on_news(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct worker *w = H2O_STRUCT_FROM_MEMBER(struct worker, followers.news, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        h2o_linklist_unlink(messages->next);
    }
    atomic_store(&w->followers.news_sent, false); /* from here on new news is sent again */
    w->followers.walk_due = true;
}

/* On the refresher's thread. */
static void send_news(void *context)
{
    struct worker *w = context;
    if (atomic_load(&w->followers.count) > 0 && !atomic_exchange(&w->followers.news_sent, true)) {
        h2o_multithread_send_message(&w->followers.news, &w->followers.news_message);
    }
}

/* A connection that has been asked to go ends its streams, or it would stay for ever. */
static void notice_going(struct worker *w)
{
    unsigned going = w->loop.draining ? 1U << GENERATIONS : 0;
    for (unsigned i = 0; i < GENERATIONS; i++) {
        going |= w->loop.generations[i].context.shutdown_requested ? 1U << i : 0;
    }
    w->followers.walk_due |= (going & ~w->followers.going) != 0;
    w->followers.going = going;
}

static int walk(struct worker *w, int budget)
{
    struct followers *all = &w->followers;
    if (all->walk_due && all->walk == &all->all) {
        all->walk_due = false;
        all->walk = all->all.next;
    }
    while (budget > 0 && all->walk != &all->all) {
        struct follower *f = H2O_STRUCT_FROM_MEMBER(struct follower, all, all->walk);
        all->walk = all->walk->next;
        budget -= look(f) ? COST_OF_WRITING : 1;
    }
    return budget;
}

static struct follower *first_of(h2o_linklist_t *list, int64_t before_us)
{
    struct follower *f =
        h2o_linklist_is_empty(list) ? NULL : H2O_STRUCT_FROM_MEMBER(struct follower, place, list->next);
    return f && f->since_us <= before_us ? f : NULL;
}

/* What is not taken for so long never will be: the connection goes. */
static void cut_off_stalled(struct worker *w, int64_t now)
{
    int64_t limit_us = w->loop.draining ? DRAIN_WRITE_US : w->service->options->events_stall_ms * 1000;
    for (struct follower *f; (f = first_of(&w->followers.writing, now - limit_us)); move_to(f, true)) {
        h2o_socket_t *socket = f->req->conn->callbacks->get_socket(f->req->conn);
        shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
        metric_add_own(&w->metrics.followers_stalled, 1);
    }
}

bool followers_turn(struct worker *w)
{
    struct followers *all = &w->followers;
    if (h2o_linklist_is_empty(&all->all)) {
        return false;
    }
    int64_t now = clock_us();
    int64_t silent_since = now - w->service->options->events_heartbeat_ms * 1000;
    notice_going(w);
    int budget = walk(w, TURN_BUDGET);
    for (struct follower *f; budget > 0 && (f = first_of(&all->idle, silent_since)); budget -= COST_OF_WRITING) {
        beat(f);
    }
    cut_off_stalled(w, now);
    return all->walk_due || all->walk != &all->all || budget <= 0;
}

void followers_init(struct worker *w)
{
    struct followers *all = &w->followers;
    h2o_linklist_init_anchor(&all->all);
    h2o_linklist_init_anchor(&all->idle);
    h2o_linklist_init_anchor(&all->writing);
    all->walk = &all->all;
    h2o_multithread_register_receiver(w->loop.queue, &all->news, on_news);
    h2o_multithread_register_receiver(w->loop.queue, &all->answers, on_answers);
}

void followers_watch(struct worker *w)
{
    events_watch(w->service->cache, send_news, w);
}
