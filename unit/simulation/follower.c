/* One who follows the events (cache/events.h) as a page does: what it shows it has read when it was opened, or when an
 * event said that it changed. In the end it shows what is there. */
#include "simulation/world.h"

#include <inttypes.h>
#include <string.h>

static struct {
    bool open;
    uint64_t number; /* of the next batch */
    state shown[PRODUCTS + 1];
    bool waits[PRODUCTS + 1]; /* for an answer: what is not in memory is waited for */
} page;

void follower_reset(void)
{
    memset(&page, 0, sizeof page);
}

static void read_product(int64_t id)
{
    struct found found = cache_get(world.guard, id);
    page.waits[id] = !found.entry && !found.absent;
    if (found.entry || found.absent) {
        page.shown[id] = 0;
        if (found.entry && found.entry->exists) {
            memcpy(&page.shown[id], found.entry->bytes, sizeof page.shown[id]);
        }
    }
}

static void read_all(void)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        read_product(id);
    }
}

static void take(const struct event_batch *b)
{
    say("  the follower is told of %zu products%s%s", b->count, b->reload ? ", or to reload: " : "",
        b->reload ? reload_names[b->reload] : "");
    seen_count[SEEN_TOLD] += b->count > 0;
    seen_count[SEEN_TOLD_LOOSELY] += b->count > 0 && b->loose;
    seen_count[SEEN_TOLD_TO_RELOAD] += b->reload && !b->loose;
    if (b->reload) {
        read_all();
    }
    for (size_t i = 0; i < b->count; i++) {
        if (b->ids[i] < 1 || b->ids[i] > PRODUCTS || (i > 0 && b->ids[i - 1] >= b->ids[i])) {
            broken("a batch of events has product %" PRId64 ", or is not in order", b->ids[i]);
        }
        read_product(b->ids[i]);
    }
}

/* Anywhere between two steps of the refresher. */
void follower_look(void)
{
    guard_enter(world.guard);
    const struct event_batch *head = events_head(world.guard);
    if (!page.open && head && cache_was_complete(world.cache)) {
        page.open = true;
        page.number = head->number + 1;
        read_all();
    }
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        if (page.waits[id]) {
            read_product(id);
        }
    }
    while (page.open && page.number < events_next(world.cache)) {
        const struct event_batch *b = events_at(world.guard, page.number);
        if (!b) {
            broken("batch %" PRIu64 " of the events is gone", page.number);
        }
        take(b);
        page.number++;
    }
    guard_leave(world.guard);
}

/* What went past the triggers is told to nobody. */
bool follower_is_exact(void)
{
    bool exact = page.open && page.number == events_next(world.cache);
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        exact &= page.shown[id] == model_read(&world.model, id) || world.bypassed >> id & 1;
    }
    return exact;
}

void follower_end(void)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        if (page.shown[id] != model_read(&world.model, id) && !(world.bypassed >> id & 1)) {
            broken("the follower still shows product %" PRId64 " as %" PRIx64 " and not %" PRIx64, id, page.shown[id],
                   model_read(&world.model, id));
        }
    }
}
