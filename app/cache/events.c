#include "cache/cache_state.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

const char *const reload_names[RELOADS] = {
    [RELOAD_NOT] = "none",      [RELOAD_EVERYTHING] = "everything", [RELOAD_BULK] = "bulk",       [RELOAD_ERA] = "era",
    [RELOAD_BEHIND] = "behind", [RELOAD_PRUNED] = "pruned",         [RELOAD_UNKNOWN] = "unknown",
};

/* ---- a batch -------------------------------------------------------------------------------- */

/* Beside the snapshots an id has two numbers of 20 digits and three dashes. */
enum { ID_ROOM = EVENT_ID_MAX - 64 };

static bool encode(struct event_batch *b, const struct snapshot *from)
{
    struct text from_text = {0};
    struct text to_text = {0};
    snapshot_encode(from, &from_text);
    snapshot_encode(&b->to, &to_text);
    bool ok = !from_text.failed && !to_text.failed;
    if (ok && from_text.len + to_text.len <= ID_ROOM) {
        b->from_text = from_text.at;
        from_text.at = NULL;
    }
    if (ok && to_text.len <= ID_ROOM) {
        b->to_text = to_text.at;
        to_text.at = NULL;
    }
    free(from_text.at);
    free(to_text.at);
    return ok;
}

struct event_batch *event_batch_new(uint64_t era, const struct snapshot *from, const struct snapshot *to,
                                    const int64_t *ids, size_t count)
{
    struct event_batch *b = calloc(1, sizeof *b + count * sizeof *ids);
    if (!b) {
        return NULL;
    }
    if (!snapshot_copy(to, &b->to) || !encode(b, from)) {
        event_batch_free(b);
        return NULL;
    }
    b->era = era;
    b->from_version = snapshot_version(from);
    b->version = snapshot_version(to);
    b->count = count;
    for (size_t i = 0; i < count; i++) {
        b->ids[i] = ids[i];
    }
    return b;
}

void event_batch_free(struct event_batch *b)
{
    if (b) {
        snapshot_fini(&b->to);
        free(b->from_text);
        free(b->to_text);
        free(b);
    }
}

/* ---- readers -------------------------------------------------------------------------------- */

const struct event_batch *events_at(const struct guard *g, uint64_t number)
{
    struct events *v = &g->cache->events;
    const struct event_batch *b = atomic_load_explicit(&v->ring[number % EVENTS_BATCHES], memory_order_acquire);
    guard_saw(b);
    return b && b->number == number ? b : NULL;
}

const struct event_batch *events_head(const struct guard *g)
{
    const struct event_batch *b = atomic_load_explicit(&g->cache->events.head, memory_order_acquire);
    guard_saw(b);
    return b;
}

uint64_t events_next(const struct cache *c)
{
    /* Sequentially consistent, as its counterpart in events_append: whoever announced himself before this look either
     * sees the batch, or is seen by its announcement. */
    return atomic_load(&((struct cache *)(uintptr_t)c)->events.next);
}

/* Whether all that was seen lies at the end of the batch; nothing happens within an empty one. */
static bool ends_at(const struct event_batch *b, uint64_t version)
{
    return version == b->version || (b->count == 0 && !b->reload && version >= b->from_version && version < b->version);
}

bool events_find(const struct guard *g, const struct event_id *seen, uint64_t *number, int64_t *product)
{
    uint64_t from = snapshot_version(&seen->from);
    uint64_t to = snapshot_version(&seen->to);
    const struct event_batch *b;
    for (uint64_t n = events_next(g->cache) - 1; (b = events_at(g, n)); n--) {
        if (b->loose) {
            continue;
        }
        if (b->era != seen->era || b->version < to) {
            return false;
        }
        bool whole = seen->product == 0;
        if (whole ? ends_at(b, to) : b->version == to && b->from_version == from && b->count > 0) {
            *number = whole ? n + 1 : n;
            *product = seen->product;
            return true;
        }
    }
    return false;
}

void events_ask(struct cache *c, struct resume *resume)
{
    struct events *v = &c->events;
    struct resume *before = atomic_load_explicit(&v->asked, memory_order_relaxed);
    do {
        resume->link = before;
    } while (
        !atomic_compare_exchange_weak_explicit(&v->asked, &before, resume, memory_order_release, memory_order_relaxed));
    if (!before) {
        uint64_t one = 1;
        ssize_t ignored = write(v->wake, &one, sizeof one);
        (void)ignored;
    }
}

int events_fd(const struct cache *c)
{
    return c->events.wake;
}

void events_watch(struct cache *c, void (*news)(void *context), void *context)
{
    struct events *v = &c->events;
    ENSURE(v->watcher_count < EVENTS_WATCHERS_MAX);
    v->watchers[v->watcher_count].news = news;
    v->watchers[v->watcher_count++].context = context;
}

/* ---- the refresher -------------------------------------------------------------------------- */

const struct event_batch *events_head_own(const struct cache *c)
{
    return atomic_load_explicit(&((struct cache *)(uintptr_t)c)->events.head, memory_order_relaxed);
}

static struct event_batch *own_at(struct events *v, uint64_t number)
{
    return atomic_load_explicit(&v->ring[number % EVENTS_BATCHES], memory_order_relaxed);
}

/* The head stays, although its place in the ring is taken. */
static void drop_oldest(struct cache *c)
{
    struct events *v = &c->events;
    struct event_batch *b = own_at(v, v->oldest);
    atomic_store_explicit(&v->ring[v->oldest++ % EVENTS_BATCHES], NULL, memory_order_release);
    v->ids -= b->count;
    if (b != events_head_own(c)) {
        cache_retire_events(c, b);
    }
}

static void make_room(struct cache *c, size_t ids)
{
    struct events *v = &c->events;
    uint64_t next = atomic_load_explicit(&v->next, memory_order_relaxed);
    while (v->oldest < next && (next - v->oldest >= EVENTS_BATCHES || v->ids + ids > EVENTS_IDS)) {
        drop_oldest(c);
    }
}

static void set_head(struct cache *c, struct event_batch *b)
{
    struct events *v = &c->events;
    struct event_batch *old = atomic_exchange_explicit(&v->head, b, memory_order_acq_rel);
    bool in_ring = old && own_at(v, old->number) == old;
    if (old && !in_ring) {
        cache_retire_events(c, old);
    }
}

static bool says_nothing(const struct event_batch *b)
{
    return b->count == 0 && !b->reload && !b->loose;
}

/* Two in a row that say nothing are one. */
static bool extend_newest(struct cache *c, struct event_batch *b)
{
    struct events *v = &c->events;
    uint64_t newest = atomic_load_explicit(&v->next, memory_order_relaxed) - 1;
    struct event_batch *old = v->oldest <= newest ? own_at(v, newest) : NULL;
    if (!old || !says_nothing(old) || !says_nothing(b) || old->era != b->era) {
        return false;
    }
    b->from_version = old->from_version;
    b->number = newest;
    guard_told(b);
    atomic_store_explicit(&v->ring[newest % EVENTS_BATCHES], b, memory_order_release);
    set_head(c, b); /* retires the old one */
    return true;
}

void events_append(struct cache *c, struct event_batch **batch)
{
    struct events *v = &c->events;
    struct event_batch *b = *batch;
    *batch = NULL;
    if (extend_newest(c, b)) {
        return;
    }
    make_room(c, b->count);
    b->number = atomic_load_explicit(&v->next, memory_order_relaxed);
    v->ids += b->count;
    guard_told(b);
    atomic_store_explicit(&v->ring[b->number % EVENTS_BATCHES], b, memory_order_release);
    if (!b->loose) {
        set_head(c, b);
    }
    atomic_store(&v->next, b->number + 1);
    for (size_t i = 0; i < v->watcher_count && !says_nothing(b); i++) {
        v->watchers[i].news(v->watchers[i].context);
    }
}

struct resume *events_take_asked(struct cache *c)
{
    struct events *v = &c->events;
    uint64_t count;
    ssize_t ignored = read(v->wake, &count, sizeof count);
    (void)ignored;
    return atomic_exchange_explicit(&v->asked, NULL, memory_order_acquire);
}

/* ---- life ----------------------------------------------------------------------------------- */

bool events_init(struct events *v, struct error *e)
{
    atomic_store(&v->next, 1);
    v->oldest = 1;
    v->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return v->wake >= 0 || error_errno(e, "eventfd");
}

void events_fini(struct events *v)
{
    struct event_batch *head = atomic_load(&v->head);
    if (head && own_at(v, head->number) != head) {
        event_batch_free(head);
    }
    for (size_t i = 0; i < EVENTS_BATCHES; i++) {
        event_batch_free(atomic_load(&v->ring[i]));
    }
    close(v->wake);
}
