/* What goes wrong with Postgres and the network, and gets right again. */
#include "simulation/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_shown(int64_t id)
{
    struct slot *slot = cache_slot(world.cache, id, false);
    const struct entry *e = slot ? atomic_load(&slot->entry) : NULL;
    state shown = 0;
    if (!e) {
        return false;
    }
    if (e->exists) {
        memcpy(&shown, e->bytes, sizeof shown);
    }
    return shown == model_read(&world.model, id);
}

static void note_crash(const bool shown[PRODUCTS + 1])
{
    bool forgot = false;
    bool prepared = false;
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        forgot |= shown[id] && !is_shown(id);
    }
    for (size_t i = 0; i < TRANSACTIONS; i++) {
        prepared |= world.model.txns[i].state == TXN_PREPARED;
    }
    seen_count[SEEN_CRASH_FORGOT_SHOWN] += forgot;
    seen_count[SEEN_PREPARED_SURVIVED] += prepared;
    seen_count[SEEN_XIDS_AGAIN] += world.model.now.next_xid < world.refresher->feed.last.xmax;
}

static bool can_fail(void)
{
    return !world.calm && world.model.up && model_has_room(&world.model);
}

bool fault_crash(void)
{
    bool shown[PRODUCTS + 1];
    if (!can_fail()) {
        return false;
    }
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        shown[id] = is_shown(id);
    }
    size_t lost = model_crash(&world.model, random_below, world.now_us);
    say("Postgres crashes: %zu commits are forgotten, the next xid is %" PRIu64, lost, world.model.now.next_xid);
    note_crash(shown);
    fetchers_cut();
    return true;
}

bool fault_restart(void)
{
    if (!can_fail()) {
        return false;
    }
    say("Postgres stops");
    model_stop(&world.model);
    fetchers_cut();
    return true;
}

bool fault_mend_postgres(void)
{
    if (world.model.up) {
        return false;
    }
    world.model.up = true;
    say("Postgres is up");
    return true;
}

bool fault_back_up(void)
{
    image_copy(&world.backup, &world.model.disk);
    world.has_backup = true;
    world.backup_us = world.now_us;
    say("a backup is made");
    return true;
}

/* Known gap: on the same timeline a loss is told by a tick that has gone, so no tick for LOST_US leaves it untold. */
static bool is_gap(void)
{
    int64_t known = strtoll(world.refresher->feed.tick, NULL, 10);
    bool lost = known != 0;
    for (size_t i = 0; i < world.backup.tick_count; i++) {
        lost &= world.backup.ticks[i].us != known;
    }
    /* Within a step of the refresher a log read may have come back that is no proof yet. */
    int64_t proved_us = world.in_refresher ? world.now_us : cache_proved_us(world.cache);
    return !lost && world.backup_us < proved_us - LOST_US;
}

bool fault_restore(void)
{
    if (!can_fail() || !world.has_backup) {
        return false;
    }
    bool same = one_in(2) && (world.gaps || !is_gap());
    bool cluster = !same && one_in(2);
    seen(same ? SEEN_LESS_CAME_BACK : SEEN_OTHER_TIMELINE);
    world.model.timeline += !same && !cluster;
    world.model.system += cluster;
    model_restore(&world.model, &world.backup, world.now_us);
    if (cluster) {
        model_use_xids(&world.model, random_below(100000) + 1);
    }
    say("Postgres is restored from the backup: %s, next xid %" PRIu64,
        same      ? "the same timeline"
        : cluster ? "another cluster"
                  : "another timeline",
        world.model.now.next_xid);
    fetchers_cut();
    return true;
}

bool fault_reset_statistics(void)
{
    if (!can_fail()) {
        return false;
    }
    world.model.resets++;
    say("statistics are reset");
    return true;
}

bool fault_kill_feed(void)
{
    return !world.calm && connection_kill();
}

bool fault_cut_network(void)
{
    if (world.calm || !world.reachable) {
        return false;
    }
    world.reachable = false;
    say("the network drops everything");
    return true;
}

bool fault_mend_network(void)
{
    if (world.reachable) {
        return false;
    }
    world.reachable = true;
    say("the network works again");
    return true;
}
