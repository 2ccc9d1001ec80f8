/* GET /events: streams that tell what changes (cache/events.h). Each follower keeps its place in the ring and, while it
 * is written to, one piece of text; no queue. The worker's thread only, unless said otherwise. */
#pragma once
#include "cache/events.h"
#include <h2o.h>

struct exchange;
struct worker;

/* A worker's followers. */
struct followers {
    _Atomic size_t count;
    h2o_linklist_t all;
    h2o_linklist_t idle, writing; /* each is in one of these, those that were longest in it first */
    h2o_linklist_t *walk;         /* the next one to look at; &all: none */
    bool walk_due;                /* all are to be looked at (again) */
    unsigned going;               /* which of the loop's generations have been asked to go */
    h2o_multithread_receiver_t news, answers;
    h2o_multithread_message_t news_message;
    _Atomic bool news_sent;
};

/* Answers a request for /events. */
void exchange_follow(struct exchange *x);

void followers_watch(struct worker *w); /* before threads start */
void followers_init(struct worker *w);  /* on its thread */
/* Once a turn: passes on what is new, some followers at a time. true: there is more to do at once. */
bool followers_turn(struct worker *w);
