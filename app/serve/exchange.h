/* One request on its way to an answer: parse → look up → (wait →) respond. It lives on the stack of
 * the handler, and in the request's pool when it has to wait. The worker's thread only. */
#pragma once
#include "serve/negotiate.h"
#include "serve/worker.h"

enum { VALIDATORS_MAX = 4, ETAG_MAX = HASH_HEX + 8, PARTS_MAX = 7 };

struct exchange {
    struct worker *worker;
    h2o_req_t *req;
    int64_t begun_us; /* clock_us when the handler was called */
    struct target target;
    const char *prefix; /* that the path came with, for links: the option's, or empty */
    struct accepted_codings codings;
    struct at_least at_least;
    h2o_iovec_t validators[VALIDATORS_MAX]; /* If-None-Match headers */
    size_t validator_count;
    h2o_iovec_t request_id, traceparent; /* as sent; base NULL: none */
    h2o_iovec_t last_event_id;           /* … len 0: none */
    bool head;
    bool missed; /* something was not in memory, and was waited for */
};

enum answer_kind { ANSWER_BODY, ANSWER_PROBLEM, ANSWER_WAIT };

/* What was found. The body's parts are constant, in the request's pool, or pinned by it. */
struct answer {
    enum answer_kind kind;
    /* ANSWER_PROBLEM */
    enum problem problem;
    char detail[256];
    /* ANSWER_BODY */
    bool not_modified;
    enum coding coding;
    h2o_iovec_t parts[PARTS_MAX]; /* of the body, in this order */
    size_t part_count;            /* 0 for not_modified and HEAD */
    size_t length;                /* of the body, also where it is not sent */
    size_t etag_len;
    char etag[ETAG_MAX];
    h2o_iovec_t link; /* Link header; base NULL: none */
    /* both */
    bool versioned; /* carries Catalogue-Version */
    stamp newest;   /* of what is applied and the entries used: `version` is its */
    uint64_t era, version;
    bool overtaken; /* an entry was of a later era than what is applied: `era` is not its */
    bool marked, unproven;
    int64_t stale_s; /* for how long, at least */
};

/* lookup.c: answers from the cache; asks for what is missing or marked and says ANSWER_WAIT, unless `last`: then
 * answers with what there is. */
void exchange_look_up(struct exchange *x, bool last, struct answer *a);

/* respond.c: sends it. */
void exchange_respond(struct exchange *x, struct answer *a);
void exchange_refuse(struct exchange *x, enum problem p, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The headers of every answer: Vary, CORS, X-Request-Id, traceparent. Needs x's worker, request and ids. */
void exchange_add_common(struct exchange *x);
/* Status and body, and counts it. `parts` are not sent where there is no body: HEAD, 204, 304. */
void exchange_finish(struct exchange *x, int status, const char *reason, h2o_iovec_t *parts, size_t count,
                     size_t length);
/* The answer to OPTIONS. */
void exchange_respond_options(struct exchange *x);
/* Status and headers of a stream of events; its text is sent by whoever calls. */
void exchange_begin_events(struct exchange *x, h2o_generator_t *generator);

/* wait.c: keeps the request until there is news, at most wait_ms. false: too many wait already. */
bool exchange_wait(const struct exchange *x);
void waiting_watch(struct worker *w); /* before threads start */
void waiting_init(struct worker *w);  /* on its thread */
void waiting_tune(struct worker *w);  /* wait_ms is another one, for those that wait, too */
/* Answers those that have waited long enough. libh2o's own timers do that too, but follow the wall clock: when it is
 * set back by an hour, they ring an hour late. */
void waiting_expire(struct worker *w);
/* Answers all that wait with what there is: on drain. */
void waiting_flush(struct worker *w);

/* handler.c */
void handler_register(h2o_hostconf_t *host);
/* Once more from its path, for whoever has the request but not the exchange: the log. */
enum route exchange_route(struct worker *w, h2o_req_t *req);
