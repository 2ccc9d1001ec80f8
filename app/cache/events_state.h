/* The ring of events, as part of the cache. Nobody but the cache's own files includes it. */
#pragma once
#include "cache/events.h"

#include <stdatomic.h>

enum { EVENTS_WATCHERS_MAX = 256 };

struct events {
    _Atomic(struct event_batch *) ring[EVENTS_BATCHES];
    _Atomic uint64_t next;              /* the number of the next batch; the first one's is 1 */
    _Atomic(struct event_batch *) head; /* the newest that is not loose; it may have left the ring */
    _Atomic(struct resume *) asked;     /* readers push, the refresher takes all: no ABA */
    int wake;
    struct {
        void (*news)(void *context);
        void *context;
    } watchers[EVENTS_WATCHERS_MAX]; /* fixed once threads run */
    size_t watcher_count;

    /* owned by the refresher */
    uint64_t oldest; /* number */
    size_t ids;      /* in the ring */
};

MUST_CHECK bool events_init(struct events *v, struct error *e);
void events_fini(struct events *v);
