/* Telling followers what is new: some of them in each turn of the loop, as much as they take. */
#include "serve/follower.h"

#include "base/clock.h"

#include <sys/socket.h>

enum {
    PIECE = 8192,            /* bytes written at once, about */
    TURN_BUDGET = 1024,      /* looks in a turn of the loop … */
    COST_OF_WRITING = 8,     /* … a write being so many */
    DRAIN_WRITE_US = 500000, /* how long a write under way may take on drain */
};

/* ---- life ----------------------------------------------------------------------------------- */

static void on_written(h2o_generator_t *generator, h2o_req_t *req);

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
        question_forget(f->question);
    }
}

struct follower *follower_new(struct exchange *x)
{
    struct followers *all = &x->worker->followers;
    struct follower *f = h2o_mem_alloc_shared(&x->req->pool, sizeof *f, on_disposed);
    *f = (struct follower){.generator = {.proceed = on_written}, .req = x->req, .worker = x->worker};
    h2o_linklist_insert(&all->all, &f->all);
    h2o_linklist_insert(&all->idle, &f->place);
    return f;
}

/* In good form: the client comes back, and goes on with another replica. It may be gone when this returns. */
static void finish(struct follower *f)
{
    leave(f);
    h2o_send(f->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

bool follower_must_end(const struct follower *f)
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
uint64_t follower_after_head(const struct guard *g, const struct event_batch *head)
{
    return events_at(g, head->number) ? head->number + 1 : events_next(g->cache);
}

/* What was told before does not matter any more: on from the head. Inside the guard. */
static void tell_anew(struct follower *f, enum reload why)
{
    const struct event_batch *head = events_head(f->worker->guard);
    drop_parts(f);
    f->number = follower_after_head(f->worker->guard, head);
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

void follower_write(struct follower *f)
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

bool follower_look(struct follower *f)
{
    if (f->writing) {
        return false;
    }
    if (follower_must_end(f)) {
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
    follower_write(f);
    return true;
}

/* libh2o: the piece is written. */
static void on_written(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    struct follower *f = H2O_STRUCT_FROM_MEMBER(struct follower, generator, generator);
    text_fini(&f->piece);
    move_to(f, false);
    follower_look(f);
}

static void beat(struct follower *f)
{
    struct guard *g = f->worker->guard;
    guard_enter(g);
    bool knows_all = !f->question && !f->reload && !f->parts[0] && !f->parts[1] && f->number == events_next(g->cache);
    event_text_heartbeat(&f->piece, knows_all ? events_head(g) : NULL);
    guard_leave(g);
    follower_write(f);
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
        budget -= follower_look(f) ? COST_OF_WRITING : 1;
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
    int64_t limit_us = w->loop.draining ? DRAIN_WRITE_US : w->tuning.events_stall_ms * 1000;
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
    int64_t silent_since = now - w->tuning.events_heartbeat_ms * 1000;
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
    questions_init(w);
}

void followers_watch(struct worker *w)
{
    events_watch(w->service->cache, send_news, w);
}
