/* The server: workers that answer from the cache, and the operations port. The only folder that knows libh2o. */
#pragma once
#include "base/error.h"
#include "base/text.h"
#include "cache/cache.h"
#include "cache/demand.h"

/* What can change while it runs: each worker has a copy of its own. */
struct server_tuning {
    int64_t connections_max;     /* a worker */
    int64_t wait_ms;             /* how long a request waits for a fresher document */
    int64_t waiters_max;         /* requests that may wait at once */
    int64_t unproven_after_ms;   /* from then on answers say that freshness is unproven */
    const char *cache_control;   /* of catalogue answers; never freed: responses may point at it */
    int64_t events_max;          /* streams of /events at once */
    int64_t events_heartbeat_ms; /* of silence on a stream */
    int64_t events_stall_ms;     /* how long a write to a stream may take */
    int64_t access_log_sample;   /* one request in N is logged; 0: only 5xx */
};

struct server_options {
    const char *listen;            /* HTTP/1.1 and h2c; empty: none */
    const char *listen_tls;        /* TLS; empty: none */
    const char *listen_operations; /* empty: none */
    const char *tls_certificate, *tls_key;
    const char *tls_ticket_keys;  /* empty: a key of its own */
    bool proxy_protocol;          /* TLS connections may begin with a PROXY line */
    int64_t workers;              /* 0: one a core */
    int64_t connection_age_max_s; /* 0: no limit */
    int64_t brotli_max;           /* bytes of brotli forms in memory; 0: none */
    const char *path_prefix;      /* routes answer under it, too; empty: none */
    const char *operations_peers; /* see serve/peers.h; empty: none */
    struct server_tuning tuning;  /* at the start */
};

/* What the operations port answers. */
struct operations_route {
    const char *path;
    const char *content_type;
    int (*answer)(void *context, struct text *out); /* the status; on the operations thread */
};

struct server;

/* Opens all sockets, so that a busy port is known before anything starts. `options`, `routes` and their context must
 * outlive the server. */
MUST_CHECK bool server_new(struct server **out, const struct server_options *options, struct cache *cache,
                           struct demand *demand, const struct operations_route *routes, size_t route_count,
                           void *context, struct error *e);
MUST_CHECK bool server_start(struct server *s, struct error *e);
/* Reads certificate, key and ticket keys of `fresh` again, for connections that come from now on, and gives the workers
 * its tuning, which they follow within a turn. false: something cannot be used, and nothing has changed. */
MUST_CHECK bool server_reload(struct server *s, const struct server_options *fresh, struct error *e);
/* Stops accepting, finishes what is in flight, at most until the deadline (clock_us); returns how many connections
 * had to be cut off. The operations port answers until the end. */
size_t server_drain(struct server *s, int64_t deadline_us);
void server_free(struct server **server);

/* ---- any thread ---- */
bool server_is_draining(const struct server *s);
/* Event loops turn ten times a second, whatever there is to do. Says which worker has not for some seconds; true: all
 * do. For the operations thread: time in which the whole process was stopped is not counted. */
MUST_CHECK bool server_turns(const struct server *s, struct error *e);
/* The same, and the operations thread, too; any thread. Right after the process was stopped it may say that they do
 * not. */
MUST_CHECK bool server_turns_now(const struct server *s, struct error *e);
void server_print_metrics(const struct server *s, struct text *out);
/* For /status: JSON members, each with a comma behind it. */
void server_print_status(const struct server *s, struct text *out);
size_t server_connections(const struct server *s);
size_t server_workers(const struct server *s);
