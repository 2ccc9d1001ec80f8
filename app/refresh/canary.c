#include "refresh/canary.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/refresher_state.h"

const int64_t canary_bounds_us[HISTOGRAM_BUCKETS - 1] = {1000,   2500,   5000,    10000,   25000,   50000,   100000,
                                                         250000, 500000, 1000000, 2500000, 5000000, 10000000};

/* ---- the duty's thread ---------------------------------------------------------------------- */

bool canary_begin(struct canary *c, int64_t *id)
{
    if (atomic_load(&c->state) != CANARY_NONE) {
        return false;
    }
    c->sent_us = clock_us();
    atomic_store(&c->state, CANARY_SENT);
    *id = atomic_load(&c->id); /* after the state: an id that is given up later gives up this canary, too */
    return true;
}

void canary_sent(struct canary *c, bool committed)
{
    atomic_store(&c->state, committed ? CANARY_COMMITTED : CANARY_FAILED);
}

/* ---- the refresher -------------------------------------------------------------------------- */

/* Each replica begins somewhere among 2⁶³ ids, and goes on from there. */
static void next_id(struct refresher *r)
{
    int64_t id = r->feed.canary > INT64_MIN + 1 ? r->feed.canary - 1 : -1;
    r->feed.canary = id;
    atomic_store(&r->canary.id, id);
}

void canary_init(struct refresher *r)
{
    r->feed.canary = -(int64_t)(r->random >> 1);
    next_id(r);
}

void canary_was_read(struct refresher *r, stamp s)
{
    struct slot *slot = cache_slot(r->cache, r->feed.canary, true);
    if (slot) { /* else there was no memory, and it is lost */
        cache_mark(r->cache, slot, s);
        refresher_want(r, slot, refresher_urgency(slot));
        r->canary.read = true;
        r->canary.mark = s;
    }
}

void canary_look(struct refresher *r)
{
    struct canary *c = &r->canary;
    if (!c->read || c->shown_us) {
        return;
    }
    const struct slot *slot = cache_slot(r->cache, r->feed.canary, false);
    const struct entry *e = slot ? atomic_load_explicit(&slot->entry, memory_order_relaxed) : NULL;
    c->shown_us = e && e->stamp >= c->mark ? clock_us() : 0;
}

static void end(struct refresher *r)
{
    struct canary *c = &r->canary;
    c->read = false;
    c->dropped = false;
    c->shown_us = 0;
    atomic_store(&c->state, CANARY_NONE);
}

/* Behind a bulk of changes it may wait for long, as each of them does that nobody asks for. */
static bool is_queued(const struct refresher *r)
{
    return r->canary.read && change_set_backlog(&r->set) + r->ids_fetching > 0;
}

void canary_keep(struct refresher *r)
{
    struct canary *c = &r->canary;
    enum canary_state state = atomic_load(&c->state);
    if (state == CANARY_NONE || state == CANARY_SENT) {
        return;
    }
    if (c->shown_us && !c->dropped) {
        metric_add(&r->metrics.canaries_shown, 1);
        histogram_add(&r->metrics.visible, canary_bounds_us, c->shown_us - c->sent_us);
        end(r);
    } else if (c->dropped || state == CANARY_FAILED) {
        next_id(r);
        end(r);
    } else if (clock_us() - c->sent_us > CANARY_LOST_US && !is_queued(r)) {
        metric_add(&r->metrics.canaries_lost, 1);
        log_warn("canary_lost", LOG_INT("ms", CANARY_LOST_US / 1000),
                 LOG_STR("meaning", "what was committed so long ago is not shown"));
        next_id(r);
        end(r);
    }
}

void canary_drop(struct refresher *r)
{
    next_id(r);
    r->canary.read = false;
    r->canary.shown_us = 0;
    r->canary.dropped = atomic_load(&r->canary.state) != CANARY_NONE;
}
