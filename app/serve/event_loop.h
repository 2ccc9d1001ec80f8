/* An event loop: one thread that accepts connections and speaks HTTP on them, until it is told to
 * drain. Workers and the operations port are each one of these with another handler. */
#pragma once
#include "base/error.h"
#include <h2o.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { LOOP_LISTENERS_MAX = 8 };

struct event_loop;

/* Connections age together: those accepted in one period belong to one generation, which is asked to go (GOAWAY,
 * Connection: close) when the next one begins. There are two: a new one begins only when the one before is gone. */
struct generation {
    h2o_context_t context;
    struct event_loop *loop;
    size_t connections;
};
enum { GENERATIONS = 2 };

struct loop_listener {
    struct event_loop *loop;
    int fd;
    SSL_CTX *tls; /* a reference of its own */
    bool proxy_line;
    h2o_socket_t *socket;
    h2o_accept_ctx_t accept[GENERATIONS];
};

/* Something to be done on the loop's thread; the first member of whatever it needs for that. */
struct loop_order {
    h2o_multithread_message_t super;
    void (*carry_out)(struct event_loop *loop, struct loop_order *order); /* it is freed afterwards */
};

struct event_loop {
    /* fixed once it runs */
    const char *name; /* of the thread, ≤ 15 bytes */
    h2o_globalconf_t *config;
    int64_t age_max_us;                           /* of connections, about; 0: no limit */
    void (*on_start)(struct event_loop *loop);    /* may be NULL: on its thread, before the first turn */
    void (*before_wait)(struct event_loop *loop); /* may be NULL: once a turn, before it waits */

    /* owned by the thread */
    h2o_loop_t *loop;
    h2o_multithread_queue_t *queue;
    struct generation generations[GENERATIONS];
    size_t current; /* the generation of new connections */
    int64_t rotate_at_us;
    struct loop_listener listeners[LOOP_LISTENERS_MAX];
    size_t listener_count;
    size_t connections_max;
    bool draining;
    bool busy;                              /* set by before_wait: there is more to do, so it does not wait */
    int64_t drain_deadline_us, end_idle_us; /* end_idle: from then on idle HTTP/1.1 connections are closed */

    /* shared */
    pthread_t thread;
    bool started;
    sem_t ready;
    h2o_multithread_receiver_t orders;
    _Atomic size_t connections;
    _Atomic uint64_t accepted, refused;
    _Atomic int64_t turned_us; /* when the last turn began, clock_coarse_us; 0: none has; INT64_MAX: it has ended */
};

/* Before the thread runs; the loop must not move in memory afterwards. Nothing of libh2o is made yet: its buffers are
 * recycled in lists of the thread that made them, without a lock, so each loop makes its own. */
void event_loop_init(struct event_loop *loop, const char *name, h2o_globalconf_t *config, size_t connections_max);
/* Takes the listening socket; `tls` may be NULL. Before it starts. */
void event_loop_listen(struct event_loop *loop, int fd, SSL_CTX *tls, bool proxy_line);
/* Returns once the loop can be sent messages. */
MUST_CHECK bool event_loop_start(struct event_loop *loop, struct error *e);
/* Any thread, while it runs: takes the order, which is malloc'ed, and has it carried out. */
void event_loop_send(struct event_loop *loop, struct loop_order *order);
/* On its thread: listeners with TLS use this context for connections that come from now on. Takes a reference. */
void event_loop_set_tls(struct event_loop *loop, SSL_CTX *tls);
/* Any thread: stop accepting (nothing that waits in a listening socket is lost), finish what is in flight, close
 * what is idle, and end at the latest at the deadline (clock_us). */
void event_loop_drain(struct event_loop *loop, int64_t deadline_us);
/* The loop that a request runs on. */
static inline struct event_loop *event_loop_of(const h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(struct generation, context, req->conn->ctx)->loop;
}
/* Waits for the thread to end. */
void event_loop_join(struct event_loop *loop);
