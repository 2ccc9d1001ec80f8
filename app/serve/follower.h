/* One who follows the events: a stream of them, on its worker's thread. */
#pragma once
#include "serve/event_text.h"
#include "serve/exchange.h"

struct question;

struct follower {
    h2o_generator_t generator;
    h2o_req_t *req;
    struct worker *worker;
    h2o_linklist_t all, place; /* in the worker's lists; unlinked: it is gone */
    bool writing;
    int64_t since_us;             /* in its place */
    struct text piece;            /* being written */
    uint64_t number;              /* of the next batch, and … */
    int64_t product;              /* … how much of it has been told */
    struct event_batch *parts[2]; /* to be told before */
    enum reload reload;           /* … or this */
    struct question *question;    /* under way: nothing is told before it is answered */
    struct wanted wanted;
};

/* ---- followers.c ---- */
/* In the request's pool; it is counted already. */
struct follower *follower_new(struct exchange *x);
/* Whether the connection has been asked to go. */
bool follower_must_end(const struct follower *f);
/* Ends it or writes what is new, unless a write is under way. true: it did. It may be gone when this returns. */
bool follower_look(struct follower *f);
/* Writes the piece. It may be gone when this returns. */
void follower_write(struct follower *f);
/* Where to go on from the head. Inside the guard. */
uint64_t follower_after_head(const struct guard *g, const struct event_batch *head);

/* ---- events.c ---- */
void questions_init(struct worker *w);
/* The one who asked is gone. */
void question_forget(struct question *q);
