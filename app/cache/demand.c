#include "cache/demand.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct wish {
    struct wish *next;
    int64_t id;
};

struct demand {
    _Atomic(struct wish *) wishes; /* readers push, the refresher takes all: no ABA */
    int wake;
    struct {
        void (*news)(void *context);
        void *context;
    } watchers[DEMAND_WATCHERS_MAX]; /* fixed once threads run */
    size_t count;
};

bool demand_new(struct demand **out, struct error *e)
{
    struct demand *d = calloc(1, sizeof *d);
    if (!d) {
        return error_set(e, ERROR_SYSTEM, "no memory for the demand queue");
    }
    d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wake < 0) {
        free(d);
        return error_errno(e, "eventfd");
    }
    *out = d;
    return true;
}

void demand_free(struct demand **demand)
{
    struct demand *d = *demand;
    if (!d) {
        return;
    }
    for (struct wish *w = atomic_load(&d->wishes); w;) {
        struct wish *next = w->next;
        free(w);
        w = next;
    }
    close(d->wake);
    free(d);
    *demand = NULL;
}

void demand_watch(struct demand *d, void (*news)(void *context), void *context)
{
    ENSURE(d->count < DEMAND_WATCHERS_MAX);
    d->watchers[d->count].news = news;
    d->watchers[d->count++].context = context;
}

bool demand_ask(struct demand *d, int64_t id)
{
    struct wish *w = malloc(sizeof *w);
    if (!w) {
        return false;
    }
    w->id = id;
    struct wish *before = atomic_load_explicit(&d->wishes, memory_order_relaxed);
    do {
        w->next = before;
    } while (
        !atomic_compare_exchange_weak_explicit(&d->wishes, &before, w, memory_order_release, memory_order_relaxed));
    /* From here on the wish is the refresher's, which may have freed it. Only the first one of a batch needs to wake
     * it: it empties the stack after it was woken. */
    if (!before) {
        uint64_t one = 1;
        ssize_t ignored = write(d->wake, &one, sizeof one);
        (void)ignored;
    }
    return true;
}

int demand_fd(const struct demand *d)
{
    return d->wake;
}

void demand_take(struct demand *d, void (*take)(int64_t id, void *context), void *context)
{
    uint64_t count;
    ssize_t ignored = read(d->wake, &count, sizeof count);
    (void)ignored;
    struct wish *w = atomic_exchange_explicit(&d->wishes, NULL, memory_order_acquire);
    while (w) {
        struct wish *next = w->next;
        take(w->id, context);
        free(w);
        w = next;
    }
}

void demand_announce(struct demand *d)
{
    for (size_t i = 0; i < d->count; i++) {
        d->watchers[i].news(d->watchers[i].context);
    }
}
