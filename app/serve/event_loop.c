#include "serve/event_loop.h"

#include "base/clock.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 16,
    TURN_MS = 100,
    IDLE_US = 1000000, /* from the drain on; as long as libh2o waits between its two GOAWAYs */
};

struct drain_order {
    struct loop_order super;
    int64_t deadline_us;
};

/* ---- connections ---------------------------------------------------------------------------- */

static void on_closed(void *context)
{
    struct generation *generation = context;
    generation->connections--;
    atomic_fetch_sub_explicit(&generation->loop->connections, 1, memory_order_relaxed);
}

/* false: none was waiting. */
static bool accept_one(struct loop_listener *l)
{
    struct event_loop *loop = l->loop;
    h2o_socket_t *socket = h2o_evloop_socket_accept(l->socket);
    if (!socket) {
        return false;
    }
    if (atomic_load_explicit(&loop->connections, memory_order_relaxed) >= loop->connections_max) {
        atomic_fetch_add_explicit(&loop->refused, 1, memory_order_relaxed);
        h2o_socket_close(socket);
        return true;
    }
    atomic_fetch_add_explicit(&loop->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&loop->accepted, 1, memory_order_relaxed);
    struct generation *generation = &loop->generations[loop->current];
    generation->connections++;
    socket->on_close.cb = on_closed;
    socket->on_close.data = generation;
    h2o_accept(&l->accept[loop->current], socket);
    return true;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct loop_listener *l = listener->data;
    for (int i = 0; !err && i < ACCEPTS_A_TURN && accept_one(l); i++) {
    }
}

/* ---- ageing --------------------------------------------------------------------------------- */

static void schedule_rotation(struct event_loop *loop)
{
    /* Jitter, so that workers and replicas do not all send their clients away at one moment. */
    uint64_t spread = (uint64_t)clock_us() * UINT64_C(0x9E3779B97F4A7C15) ^ (uintptr_t)loop;
    loop->rotate_at_us = clock_us() + loop->age_max_us / 2 + (int64_t)(spread % (uint64_t)(loop->age_max_us / 2 + 1));
}

/* libh2o's shutdown of a context happens once; a generation that is gone is made as new. */
static bool is_gone(struct generation *g)
{
    if (g->connections > 0 || h2o_timeout_is_linked(&g->context.http2._graceful_shutdown_timeout)) {
        return false;
    }
    g->context.shutdown_requested = 0;
    g->context.http2._graceful_shutdown_timeout.cb = NULL;
    return true;
}

static void rotate(struct event_loop *loop)
{
    if (loop->age_max_us == 0 || loop->draining || clock_us() < loop->rotate_at_us) {
        return;
    }
    size_t next = (loop->current + 1) % GENERATIONS;
    if (is_gone(&loop->generations[next])) {
        h2o_context_request_shutdown(&loop->generations[loop->current].context);
        loop->current = next;
        schedule_rotation(loop);
    }
}

/* ---- draining ------------------------------------------------------------------------------- */

/* A client that goes on asking hears "Connection: close" with its next answer. If idle connections were closed at once,
 * its next request could be on its way, and lost; so that is done to those that have not asked for a second.
 * Such an HTTP/1.1 connection sees the end of input and closes; one with a request in flight is not reading, and
 * closes after its answer. (HTTP/2 connections get GOAWAY from h2o itself.) */
static int end_input(h2o_req_t *req, void *context)
{
    (void)context;
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    shutdown(h2o_socket_get_fd(socket), SHUT_RD);
    return 0;
}

static void end_idle_http1(struct event_loop *loop)
{
    for (size_t i = 0; i < GENERATIONS; i++) {
        h2o_context_t *context = &loop->generations[i].context;
        context->globalconf->http1.callbacks.foreach_request(context, end_input, NULL);
    }
}

/* Carries out a drain_order. */
static void start_drain(struct event_loop *loop, struct loop_order *order)
{
    if (loop->draining) {
        return;
    }
    int64_t now = clock_us();
    loop->draining = true;
    loop->drain_deadline_us = H2O_STRUCT_FROM_MEMBER(struct drain_order, super, order)->deadline_us;
    int64_t half_us = (loop->drain_deadline_us - now) / 2;
    loop->end_idle_us = now + (half_us < IDLE_US ? half_us : IDLE_US);
    for (size_t i = 0; i < loop->listener_count; i++) {
        /* Closing a listening socket resets the connections that wait in it: take them out first. */
        while (accept_one(&loop->listeners[i])) {
        }
        h2o_socket_read_stop(loop->listeners[i].socket);
        h2o_socket_close(loop->listeners[i].socket);
    }
    for (size_t i = 0; i < GENERATIONS; i++) {
        h2o_context_request_shutdown(&loop->generations[i].context);
    }
}

static void on_orders(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct event_loop *loop = H2O_STRUCT_FROM_MEMBER(struct event_loop, orders, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        struct loop_order *order = H2O_STRUCT_FROM_MEMBER(struct loop_order, super.link, messages->next);
        h2o_linklist_unlink(&order->super.link);
        order->carry_out(loop, order);
        free(order);
    }
}

void event_loop_send(struct event_loop *loop, struct loop_order *order)
{
    h2o_multithread_send_message(&loop->orders, &order->super);
}

static bool is_drained(struct event_loop *loop)
{
    if (!loop->draining) {
        return false;
    }
    if (clock_us() >= loop->end_idle_us) {
        end_idle_http1(loop);
    }
    return atomic_load_explicit(&loop->connections, memory_order_relaxed) == 0 || clock_us() >= loop->drain_deadline_us;
}

void event_loop_drain(struct event_loop *loop, int64_t deadline_us)
{
    struct drain_order *order = h2o_mem_alloc(sizeof *order);
    *order = (struct drain_order){.super = {.carry_out = start_drain}, .deadline_us = deadline_us};
    event_loop_send(loop, &order->super);
}

/* ---- life ----------------------------------------------------------------------------------- */

void event_loop_init(struct event_loop *loop, const char *name, h2o_globalconf_t *config, size_t connections_max)
{
    loop->name = name;
    loop->config = config;
    loop->connections_max = connections_max;
}

void event_loop_listen(struct event_loop *loop, int fd, SSL_CTX *tls, bool proxy_line)
{
    ENSURE(loop->listener_count < LOOP_LISTENERS_MAX && !loop->started);
    loop->listeners[loop->listener_count++] =
        (struct loop_listener){.loop = loop, .fd = fd, .tls = tls, .proxy_line = proxy_line};
    if (tls) {
        SSL_CTX_up_ref(tls);
    }
}

void event_loop_set_tls(struct event_loop *loop, SSL_CTX *tls)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        struct loop_listener *l = &loop->listeners[i];
        if (l->tls) {
            SSL_CTX_up_ref(tls);
            SSL_CTX_free(l->tls); /* connections that use it have references, too */
            l->tls = l->accept[0].ssl_ctx = l->accept[1].ssl_ctx = tls;
        }
    }
}

static void start_listening(struct event_loop *loop, struct loop_listener *l)
{
    for (size_t i = 0; i < GENERATIONS; i++) {
        l->accept[i] = (h2o_accept_ctx_t){.ctx = &loop->generations[i].context,
                                          .hosts = loop->config->hosts,
                                          .ssl_ctx = l->tls,
                                          .expect_proxy_line = l->proxy_line};
    }
    l->socket = h2o_evloop_socket_create(loop->loop, l->fd, H2O_SOCKET_FLAG_DONT_READ);
    l->socket->data = l;
    h2o_socket_read_start(l->socket, on_accept);
}

/* On the loop's own thread. */
static void set_up(struct event_loop *loop)
{
    loop->loop = h2o_evloop_create();
    loop->queue = h2o_multithread_create_queue(loop->loop);
    h2o_multithread_register_receiver(loop->queue, &loop->orders, on_orders);
    for (size_t i = 0; i < GENERATIONS; i++) {
        loop->generations[i].loop = loop;
        h2o_context_init(&loop->generations[i].context, loop->loop, loop->config);
    }
    for (size_t i = 0; i < loop->listener_count; i++) {
        start_listening(loop, &loop->listeners[i]);
    }
    if (loop->on_start) {
        loop->on_start(loop);
    }
    schedule_rotation(loop);
}

static void *loop_main(void *context)
{
    struct event_loop *loop = context;
    pthread_setname_np(pthread_self(), loop->name);
    set_up(loop);
    sem_post(&loop->ready);
    while (!is_drained(loop)) {
        atomic_store_explicit(&loop->turned_us, clock_coarse_us(), memory_order_relaxed);
        if (loop->before_wait) {
            loop->before_wait(loop);
        }
        rotate(loop);
        h2o_evloop_run(loop->loop, loop->busy ? 0 : TURN_MS); /* -1 on EINTR is no reason to end */
    }
    atomic_store_explicit(&loop->turned_us, INT64_MAX, memory_order_relaxed);
    return NULL;
}

bool event_loop_start(struct event_loop *loop, struct error *e)
{
    sem_init(&loop->ready, 0, 0);
    int failed = pthread_create(&loop->thread, NULL, loop_main, loop);
    if (failed) {
        return error_set(e, ERROR_SYSTEM, "cannot start thread %s: %s", loop->name, strerror(failed));
    }
    loop->started = true;
    while (sem_wait(&loop->ready) != 0) {
    }
    return true;
}

void event_loop_join(struct event_loop *loop)
{
    if (loop->started) {
        pthread_join(loop->thread, NULL);
        loop->started = false;
    }
}
