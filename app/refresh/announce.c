#include "refresh/refresher_state.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { HINT_US = 1000000 };

struct pending {
    struct pending *next;
    stamp stamp;
    uint64_t era;
    struct snapshot to;
    size_t count, at; /* ids before `at` are published */
    int64_t ids[];
};

/* ---- lists of ids --------------------------------------------------------------------------- */

void id_list_add(struct id_list *list, int64_t id)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        int64_t *more = realloc(list->at, room * sizeof *more);
        if (!more) {
            list->lacks = true;
            return;
        }
        list->at = more;
        list->room = room;
    }
    list->at[list->count++] = id;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void id_list_sort(struct id_list *list)
{
    size_t n = 0;
    if (list->count > 0) {
        qsort(list->at, list->count, sizeof *list->at, by_value);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (n == 0 || list->at[n - 1] != list->at[i]) {
            list->at[n++] = list->at[i];
        }
    }
    list->count = n;
}

void id_list_fini(struct id_list *list)
{
    free(list->at);
    *list = (struct id_list){0};
}

/* ---- into the ring -------------------------------------------------------------------------- */

/* false: no memory, tried again with the next step. */
static bool append(struct refresher *r, const struct pending *p, bool loose)
{
    const struct event_batch *head = events_head_own(r->cache);
    bool goes_on = head && head->era == p->era && !loose;
    struct event_batch *b = event_batch_new(p->era, goes_on ? &head->to : &p->to, &p->to, p->ids, p->count);
    if (!b) {
        return false;
    }
    b->loose = loose;
    events_append(r->cache, &b);
    recent_add(&r->recent, cache_proved_us(r->cache), p->ids, p->count);
    return true;
}

static bool append_reload(struct refresher *r, uint64_t era, const struct snapshot *to, enum reload why, bool loose)
{
    struct event_batch *b = event_batch_new(era, to, to, NULL, 0);
    if (!b) {
        return false;
    }
    b->reload = why;
    b->loose = loose;
    events_append(r->cache, &b);
    return true;
}

/* ---- log reads that are not published yet --------------------------------------------------- */

static void push(struct announce *a, struct pending *p)
{
    *(a->last ? &a->last->next : &a->first) = p;
    a->last = p;
    a->ids += p->count;
}

static void pop(struct announce *a)
{
    struct pending *p = a->first;
    a->first = p->next;
    a->last = a->first ? a->last : NULL;
    a->ids -= p->count;
    snapshot_fini(&p->to);
    free(p);
}

/* Of what a bulk waits for some has been shown before its last part was read, and nothing more is to come. A slot that
 * could not be made is loaded with everything else; one that was forgotten said "no such product". */
static bool is_shown(const struct refresher *r, int64_t id, stamp s)
{
    struct slot *slot = cache_slot(r->cache, id, false);
    if (!slot) {
        return cache_is_complete(r->cache);
    }
    const struct entry *e = atomic_load_explicit(&slot->entry, memory_order_relaxed);
    return e && (e->stamp >= s || e->stamp >= atomic_load_explicit(&slot->mark, memory_order_relaxed));
}

static bool are_shown(const struct refresher *r, const int64_t *ids, size_t count, size_t *at, stamp s)
{
    while (*at < count && is_shown(r, ids[*at], s)) {
        ++*at;
    }
    return *at == count;
}

static struct pending *pending_new(const struct refresher *r, const struct changes *c, const struct id_list *ids)
{
    struct pending *p = calloc(1, sizeof *p + ids->count * sizeof *ids->at);
    if (!p || !snapshot_copy(&c->snapshot, &p->to)) {
        free(p);
        return NULL;
    }
    p->stamp = stamp_make(r->era_index, snapshot_version(&c->snapshot));
    p->era = r->era.number;
    p->count = ids->count;
    if (ids->count > 0) {
        memcpy(p->ids, ids->at, ids->count * sizeof *ids->at);
    }
    return p;
}

/* ---- a bulk --------------------------------------------------------------------------------- */

static void keep_snapshot(struct snapshot *kept, const struct snapshot *s)
{
    struct snapshot copy;
    if (snapshot_copy(s, &copy)) { /* else an earlier one stays: what came since is told once more */
        snapshot_fini(kept);
        *kept = copy;
    }
}

/* Takes in what is pending, and all that the last one still waits for. */
static void open_bulk(struct refresher *r, const struct changes *c, const struct id_list *ids, enum reload why)
{
    struct announce *a = &r->announce;
    for (; a->first; pop(a)) {
        for (size_t i = a->first->at; i < a->first->count; i++) {
            id_list_add(&a->bulk.ids, a->first->ids[i]);
        }
    }
    for (size_t i = 0; i < ids->count; i++) {
        id_list_add(&a->bulk.ids, ids->at[i]);
    }
    a->bulk.ids.lacks |= ids->lacks;
    id_list_sort(&a->bulk.ids);
    a->bulk.open = true;
    a->bulk.at = 0;
    a->bulk.reason = why;
    a->bulk.era = r->era.number;
    a->bulk.stamp = stamp_make(r->era_index, snapshot_version(&c->snapshot));
    keep_snapshot(&a->bulk.to, &c->snapshot);
    if (clock_us() >= a->bulk.hint_us && append_reload(r, a->bulk.era, &c->snapshot, why, true)) {
        a->bulk.hint_us = clock_us() + HINT_US;
    }
}

static bool is_bulk_shown(struct refresher *r)
{
    struct announce *a = &r->announce;
    bool idle = change_set_backlog(&r->set) == 0 && r->ids_fetches == 0;
    return cache_is_complete(r->cache) && (!a->bulk.ids.lacks || idle) &&
           are_shown(r, a->bulk.ids.at, a->bulk.ids.count, &a->bulk.at, a->bulk.stamp);
}

static void close_bulk(struct refresher *r)
{
    struct announce *a = &r->announce;
    static const int64_t everything = 0;
    if (append_reload(r, a->bulk.era, &a->bulk.to, a->bulk.reason, false)) {
        recent_add(&r->recent, cache_proved_us(r->cache), &everything, 1);
        a->bulk.open = false;
        id_list_fini(&a->bulk.ids);
    }
}

/* ---- in and out ----------------------------------------------------------------------------- */

bool announce_is_new_era(const struct refresher *r)
{
    const struct event_batch *head = events_head_own(r->cache);
    bool begun = r->announce.bulk.open && r->announce.bulk.era == r->era.number;
    return (!head || head->era != r->era.number) && !begun;
}

static enum reload reason(const struct refresher *r, const struct changes *c, const struct id_list *ids)
{
    if (c->everything) {
        return RELOAD_EVERYTHING;
    }
    if (announce_is_new_era(r)) {
        return RELOAD_ERA;
    }
    bool many = ids->count > EVENTS_BATCH_IDS || r->announce.ids + ids->count > ANNOUNCE_IDS_MAX || ids->lacks;
    return many ? RELOAD_BULK : RELOAD_NOT;
}

void announce_changes(struct refresher *r, const struct changes *c)
{
    struct announce *a = &r->announce;
    struct id_list ids = {0};
    for (size_t i = 0; i < c->count && !c->everything; i++) {
        id_list_add(&ids, c->ids[i]);
    }
    id_list_sort(&ids);
    enum reload why = reason(r, c, &ids);
    struct pending *p = why ? NULL : pending_new(r, c, &ids);
    if (p) {
        push(a, p);
    } else {
        open_bulk(r, c, &ids, why ? why : RELOAD_BULK);
    }
    id_list_fini(&ids);
}

void announce_remarked(struct refresher *r, int64_t id)
{
    id_list_add(&r->announce.bulk.ids, id);
}

void announce_step(struct refresher *r)
{
    struct announce *a = &r->announce;
    if (r->applied_late) {
        return; /* nobody is told of a version that has not been applied */
    }
    for (struct pending *p; (p = a->first) && are_shown(r, p->ids, p->count, &p->at, p->stamp); pop(a)) {
        bool nothing = a->bulk.open && p->count == 0;
        if (!nothing && !append(r, p, a->bulk.open)) {
            return;
        }
        if (a->bulk.open) {
            keep_snapshot(&a->bulk.to, &p->to);
        }
    }
    if (a->bulk.open && is_bulk_shown(r)) {
        close_bulk(r);
    }
}

void announce_fini(struct announce *a)
{
    while (a->first) {
        pop(a);
    }
    id_list_fini(&a->bulk.ids);
    snapshot_fini(&a->bulk.to);
}
