/* Reads the cache as app/serve/lookup.c does, and holds what it finds against what really happened.
 *
 * The promise: what is not marked was the committed state at some moment not earlier than the one that the proof
 * stands for (when the newest log read was sent), as Postgres showed it at that moment: what a crash has undone
 * counts until the crash. What is marked was committed once. Whatever is shown of one product, marked or not, never
 * goes back in the course of what happened. */
#include "simulation/world.h"

#include <inttypes.h>
#include <string.h>

enum { UNPROVEN_US = 250000 };

static struct judge {
    size_t position[PRODUCTS + 1]; /* in its history, of what was shown last */
    stamp applied;
    int64_t proved_us;
} judge;

void judge_reset(void)
{
    judge = (struct judge){0};
}

/* ---- what really happened ------------------------------------------------------------------- */

/* Whether the product was in this state at a moment from … now. */
static bool was(int64_t id, state s, int64_t from_us)
{
    const struct history *h = &world.model.history[id];
    for (size_t i = h->count; i-- > 0;) {
        if (h->changes[i].state == s) {
            return true;
        }
        if (h->changes[i].us <= from_us) {
            return false;
        }
    }
    return false;
}

static void check_order(int64_t id, state s)
{
    const struct history *h = &world.model.history[id];
    for (size_t i = judge.position[id]; i < h->count; i++) {
        if (h->changes[i].state == s) {
            judge.position[id] = i;
            return;
        }
    }
    broken("product %" PRId64 " is shown as %" PRIx64 ", which was never committed, or is older than what was shown",
           id, s);
}

static state state_of(const struct entry *e)
{
    state s = 0;
    if (e && e->exists) {
        memcpy(&s, e->bytes, sizeof s);
    }
    return s;
}

/* ---- a read --------------------------------------------------------------------------------- */

struct reading {
    const struct applied *applied;
    int64_t proved_us;
    bool unproven, marked;
};

static bool begin(struct reading *r)
{
    guard_enter(world.guard);
    world.reading++;
    *r = (struct reading){.applied = cache_applied(world.guard), .proved_us = cache_proved_us(world.cache)};
    r->unproven = world.now_us - r->proved_us > UNPROVEN_US;
    return r->applied != NULL;
}

static void end(void)
{
    world.reading--;
    guard_leave(world.guard);
}

/* The refresher and the world go on between two looks at the cache. */
static void interlude(const struct reading *r)
{
    if (world.in_refresher || !one_in(3)) {
        return;
    }
    schedule_meanwhile();
    schedule_step();
    seen_count[SEEN_APPLIED_WITHIN_READ] += r->applied != cache_applied(world.guard);
}

/* true: found can be shown, marked or not. */
static bool look(struct reading *r, int64_t id, struct found *found)
{
    *found = cache_get(world.guard, id);
    bool missing = !found->entry && !found->absent;
    if ((missing || found->marked) && !r->unproven) {
        uint32_t before = world.news;
        world.busy++;
        demand_ask(world.demand, id);
        world.busy--;
        if (one_in(2)) {
            interlude(r);
            *found = cache_get(world.guard, id);
        }
        seen_count[SEEN_NEWS_WITHIN_READ] += world.news != before;
        missing = !found->entry && !found->absent;
    }
    r->marked |= found->marked;
    if (!missing) {
        check_order(id, state_of(found->entry));
    }
    return !missing;
}

static void check_fresh(const struct reading *r, int64_t id, state s, const char *what)
{
    if (!was(id, s, r->proved_us) && !(world.bypassed >> id & 1)) {
        broken("%s shows product %" PRId64 " as %" PRIx64
               ", unmarked, proven as of %.3f ms: it has not been that since",
               what, id, s, (double)r->proved_us / 1000);
    }
}

/* ---- Catalogue-At-Least --------------------------------------------------------------------- */

/* One of the last commits, if the answer may say that it is applied. */
static const struct commit *met_commit(const struct reading *r)
{
    const struct model *m = &world.model;
    size_t back = random_below(8) + 1;
    const struct commit *c = back <= m->commit_count ? &m->commits[m->commit_count - back] : NULL;
    if (!c || c->lost || !snapshot_sees(&r->applied->snapshot, c->xid)) {
        return NULL;
    }
    /* Known gap: a number that was handed out again, before the crash has been noticed. */
    return world.gaps || r->applied->era / 1000 >= c->boot ? c : NULL;
}

static void check_at_least(const struct commit *c, int64_t id, state s)
{
    if (!(c->logged & (1u << id | 1))) {
        return;
    }
    seen(SEEN_AT_LEAST_MET);
    if (!was(id, s, c->us) && !(world.bypassed >> id & 1)) {
        broken("Catalogue-At-Least: xid=%" PRIu64 " is met, but product %" PRId64 " is shown as %" PRIx64
               ", unmarked, from before that",
               c->xid, id, s);
    }
}

/* ---- the two kinds of read ------------------------------------------------------------------ */

bool judge_document(void)
{
    struct reading r;
    struct found found;
    int64_t id = (int64_t)random_below(PRODUCTS) + 1;
    if (begin(&r)) {
        const struct commit *c = met_commit(&r);
        struct commit met = c ? *c : (struct commit){0};
        interlude(&r);
        if (look(&r, id, &found)) {
            state s = state_of(found.entry);
            seen(found.marked ? SEEN_READ_MARKED : r.unproven ? SEEN_READ_UNPROVEN : SEEN_READ_PROVEN);
            seen_count[SEEN_READ_ABSENT] += found.absent && !found.marked;
            say("product %" PRId64 " is read: %" PRIx64 "%s%s", id, s, found.marked ? ", marked" : "",
                r.unproven ? ", unproven" : "");
            if (!found.marked) {
                check_fresh(&r, id, s, "a document");
                check_at_least(&met, id, s);
            }
        }
    }
    end();
    return true;
}

static bool can_list(struct reading *r)
{
    bool arriving = cache_arriving(world.cache) > 0;
    seen_count[SEEN_LIST_WHILE_ARRIVING] += arriving;
    r->marked = arriving || !cache_is_complete(world.cache);
    return cache_was_complete(world.cache);
}

/* What the page of all products shows; 0: not listed, or left out. */
static bool read_list(struct reading *r, state shown[PRODUCTS + 1])
{
    int64_t ids[PRODUCTS + 1];
    const struct id_root *root = cache_ids(world.guard);
    size_t count = id_index_copy(root, 0, ids, PRODUCTS + 1);
    for (size_t i = 0; i < count; i++) {
        struct found found;
        if (!look(r, ids[i], &found)) {
            return false;
        }
        shown[ids[i]] = state_of(found.entry);
        if (i == count / 2) {
            interlude(r);
        }
    }
    return true;
}

bool judge_list(void)
{
    struct reading r;
    state shown[PRODUCTS + 1] = {0};
    if (begin(&r) && can_list(&r)) {
        interlude(&r);
        if (read_list(&r, shown) && !r.marked) {
            seen_count[SEEN_LIST_PROVEN] += !r.unproven;
            for (int64_t id = 1; id <= PRODUCTS; id++) {
                check_fresh(&r, id, shown[id], "a list");
            }
        }
    }
    end();
    return true;
}

/* ---- what must hold at any time ------------------------------------------------------------- */

static size_t slots, queued;

static void count_slot(struct slot *slot, void *context)
{
    (void)context;
    slots++;
    queued += slot->queue != URGENCY_NONE;
}

void judge_watch(void)
{
    const struct refresher *r = world.refresher;
    const struct applied *a = cache_applied(world.guard);
    stamp applied = a ? a->stamp : 0;
    size_t in_queues = 0;
    slots = queued = 0;
    cache_each(world.cache, count_slot, NULL);
    for (int i = URGENCY_NONE; i < URGENCIES; i++) {
        in_queues += r->set.count[i];
    }
    if (queued != in_queues || slots != cache_slots(world.cache)) {
        broken("the queues count %zu slots, and %zu of %zu slots are queued", in_queues, queued, slots);
    }
    if (applied < judge.applied || cache_proved_us(world.cache) < judge.proved_us) {
        broken("what is applied or proven goes back");
    }
    if (metric_get(&r->metrics.audit_inconsistent) && !world.bypassed) {
        broken("the audit finds what is not there");
    }
    follower_look();
    judge.applied = applied;
    judge.proved_us = cache_proved_us(world.cache);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* "No such product" may stay marked when everything was: it is fetched if somebody asks, and forgotten in the end. */
static bool is_old_absence(const struct found *found, int64_t id)
{
    const struct slot *slot = cache_slot(world.cache, id, false);
    return slot && found->absent && found->entry && slot->queue == URGENCY_ABSENT &&
           found->entry->stamp >= atomic_load(&slot->mark);
}

static bool is_product_exact(int64_t id)
{
    state s = model_read(&world.model, id);
    struct found found = cache_get(world.guard, id);
    return (!found.marked || is_old_absence(&found, id)) && (found.entry || found.absent) &&
           state_of(found.entry) == s && id_index_has(cache_ids(world.guard), id) == (s != 0);
}

bool judge_is_exact(void)
{
    const struct refresher *r = world.refresher;
    size_t products = 0;
    bool exact = true;
    guard_enter(world.guard);
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        exact &= is_product_exact(id);
        products += model_read(&world.model, id) != 0;
    }
    exact &= id_index_count(cache_ids(world.guard)) == products && cache_entries(world.cache) == products;
    guard_leave(world.guard);
    return exact && cache_is_complete(world.cache) && cache_arriving(world.cache) == 0 &&
           change_set_backlog(&r->set) == 0 && r->ids_fetches == 0 && !r->load.running && fetchers_idle() &&
           follower_is_exact() && world.now_us - cache_proved_us(world.cache) < UNPROVEN_US;
}

void judge_end(void)
{
    const struct refresher *r = world.refresher;
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        guard_enter(world.guard);
        bool exact = is_product_exact(id);
        state s = state_of(cache_get(world.guard, id).entry);
        guard_leave(world.guard);
        if (!exact) {
            broken("without faults for a second, product %" PRId64 " is still %" PRIx64 " and not %" PRIx64, id, s,
                   model_read(&world.model, id));
        }
    }
    follower_end();
    broken("without faults for a second, it is still not settled: complete %d, arriving %zu, backlog %zu, fetches %zu, "
           "loading %d, entries %zu, proven %.3f ms ago",
           cache_is_complete(world.cache), cache_arriving(world.cache), change_set_backlog(&r->set), r->ids_fetches,
           r->load.running, cache_entries(world.cache), (double)(world.now_us - cache_proved_us(world.cache)) / 1000);
}
