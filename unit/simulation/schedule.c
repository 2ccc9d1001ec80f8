/* What happens, and in which order. Each schedule draws its own weights for the kinds of events (A. Groce and others,
 * "Swarm Testing", 2012), because one that can do everything seldom does one thing often enough. */
#include "simulation/events.h"

/* ---- time ----------------------------------------------------------------------------------- */

static bool pass_little(void)
{
    world_pass((int64_t)random_below(5000));
    return true;
}

static bool pass_some(void)
{
    world_pass((int64_t)random_below(300000));
    return true;
}

static bool pass_much(void)
{
    world_pass((int64_t)random_below(45000000));
    say("time has passed");
    return true;
}

/* ---- the refresher -------------------------------------------------------------------------- */

static void note_step(const struct refresh_metrics *before, size_t slots)
{
    const struct refresh_metrics *now = &world.refresher->metrics;
    seen_count[SEEN_FETCH_AGAINST_CHANGE] += metric_get(&now->again) - metric_get(&before->again);
    seen_count[SEEN_FETCH_AGAINST_FETCH] += metric_get(&now->old) - metric_get(&before->old);
    seen_count[SEEN_AUDITED] += metric_get(&now->audit_checked) > metric_get(&before->audit_checked);
    seen_count[SEEN_AUDIT_REPAIRED] += metric_get(&now->audit_repaired) - metric_get(&before->audit_repaired);
    seen_count[SEEN_FORGOTTEN] += cache_slots(world.cache) < slots;
}

void schedule_step(void)
{
    if (world.in_refresher) {
        return;
    }
    struct refresh_metrics before = world.refresher->metrics;
    size_t slots = cache_slots(world.cache);
    unsigned busy = world.busy;
    world_pass(1);
    say("the refresher runs");
    world.busy = 0;
    world.in_refresher++;
    refresher_step(world.refresher);
    world.in_refresher--;
    world.busy = busy;
    note_step(&before, slots);
    if (one_in(8)) {
        judge_watch();
    }
}

static bool step(void)
{
    schedule_step();
    return true;
}

/* ---- what happens next ---------------------------------------------------------------------- */

enum {
    ALWAYS = 1, /* in every schedule */
    CALM = 2,   /* also in its end, when nothing goes wrong or is written any more */
    SELDOM = 4, /* only in some */
};

static const struct event {
    bool (*happen)(void); /* false: it cannot, now */
    unsigned weight;
    unsigned when;
} events[] = {
    {write_begin, 12, ALWAYS},
    {write_insert, 6, 0},
    {write_update, 14, 0},
    {write_delete, 8, 0},
    {write_truncate, 1, SELDOM},
    {write_savepoint, 2, 0},
    {write_rollback, 2, 0},
    {write_prepare, 1, SELDOM},
    {write_commit, 12, ALWAYS},
    {write_abort, 1, 0},
    {write_use_xids, 2, 0},
    {write_prune, 1, SELDOM},
    {step, 16, ALWAYS | CALM},
    {fetchers_move, 24, ALWAYS | CALM},
    {connection_deliver, 4, CALM},
    {connection_lose, 1, CALM},
    {judge_document, 12, ALWAYS},
    {judge_list, 4, 0},
    {pass_little, 8, ALWAYS | CALM},
    {pass_some, 3, ALWAYS},
    {pass_much, 1, 0},
    {fault_crash, 1, 0},
    {fault_restart, 1, SELDOM},
    {fault_mend_postgres, 3, ALWAYS},
    {fault_back_up, 1, 0},
    {fault_restore, 1, SELDOM},
    {fault_reset_statistics, 1, SELDOM},
    {fault_kill_feed, 1, SELDOM},
    {fault_cut_network, 1, SELDOM},
    {fault_mend_network, 3, ALWAYS},
};
enum { EVENTS = sizeof events / sizeof *events };

static unsigned weights[EVENTS], total;

static void draw_weights(void)
{
    static const unsigned often[] = {0, 1, 2, 6};
    static const unsigned seldom[] = {0, 0, 0, 0, 0, 2, 6};
    total = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        unsigned factor = events[i].when & ALWAYS   ? 2
                          : events[i].when & SELDOM ? seldom[random_below(7)]
                                                    : often[random_below(4)];
        weights[i] = events[i].weight * factor;
        total += weights[i];
    }
}

static const struct event *draw(void)
{
    uint64_t at = random_below(total);
    size_t i = 0;
    for (; at >= weights[i]; i++) {
        at -= weights[i];
    }
    return &events[i];
}

static void happen(void)
{
    const struct event *e = draw();
    bool reads = e->happen == judge_document || e->happen == judge_list;
    world_pass(1 + (int64_t)random_below(50));
    if ((world.calm && !(e->when & CALM)) || (reads && world.reading)) {
        return;
    }
    world.busy++;
    e->happen();
    world.busy--;
}

void schedule_meanwhile(void)
{
    for (uint64_t left = random_below(4); left > 0; left--) {
        happen();
    }
    world_pass(1);
}

void schedule_interrupt(void)
{
    if (world.in_refresher && !world.busy && one_in(8)) {
        happen();
    }
}

static void hear_news(void *context)
{
    (void)context;
    world.news++;
    schedule_interrupt();
}

/* ---- one schedule --------------------------------------------------------------------------- */

static void build(uint64_t seed)
{
    static const uint64_t first_xids[] = {3, 750, 200000, (UINT64_C(1) << 32) - 200};
    struct error e;
    world = (struct world){.seed = seed,
                           .random = seed,
                           .verbose = world.verbose,
                           .gaps = world.gaps,
                           .planted = world.planted,
                           .now_us = 1000000000,
                           .reachable = true};
    model_init(&world.model, first_xids[random_below(4)], (uint32_t)random_below(2 << PRODUCTS), world.now_us);
    connection_reset();
    judge_reset();
    follower_reset();
    draw_weights();
    struct refresher_options options = {.conninfo = "",
                                        .replica = "r1",
                                        .poll_ms = 50,
                                        .reconnect_max_ms = 250,
                                        .connect_timeout_ms = 1000,
                                        .statement_timeout_ms = 2000,
                                        .fetchers = 2 + (int64_t)random_below(3),
                                        .slice = (int64_t)random_below(4) + 1,
                                        .loads_at_once = 1,
                                        .change_set_limit = (int64_t)random_below(CHANGE_SET_MAX) + 1,
                                        .log_retention_s = (int64_t)random_below(60) + 1,
                                        .audit_cycle_s = (int64_t)random_below(4),
                                        .document_max = 1000};
    ENSURE(cache_new(&world.cache, 0, &e) && demand_new(&world.demand, &e));
    ENSURE(refresher_new(&world.refresher, &options, world.cache, world.demand, &e));
    world.refresher->random = seed;
    world.guard = guard_new(world.cache);
    demand_watch(world.demand, hear_news, NULL);
    world.memory_fails = one_in(6) ? 5 + (unsigned)random_below(60) : 0;
    world.asynchronous = one_in(2);
    world.bypasses = options.audit_cycle_s > 0 && one_in(6);
    world.slow = (enum fetch_kind)random_below(FETCH_KINDS);
}

/* Faults end; so do transactions, all but one perhaps that goes on. */
static void calm_down(void)
{
    world.calm = true;
    world.memory_fails = 0;
    world_pass(1);
    say("no faults from here on");
    world.reachable = world.model.up = true;
    for (size_t i = one_in(2) ? 1 : 0; i < TRANSACTIONS; i++) {
        world_pass(1);
        struct txn *t = &world.model.txns[i];
        if (t->state == TXN_NONE) {
            continue;
        }
        if (one_in(2)) {
            commit_transaction(t);
        } else {
            model_abort(&world.model, t);
        }
    }
}

static void settle(void)
{
    bool read = one_in(2); /* what is asked for is fetched, whatever else is not */
    calm_down();
    int64_t deadline = world.now_us + 1000000;
    if (world.bypassed) { /* the audit does not judge what is marked: "no such product" has to be forgotten first */
        deadline += ABSENT_MS * 1000 + 3 * world.refresher->options.audit_cycle_s * 1000000;
    }
    while (!judge_is_exact()) {
        if (world.now_us > deadline) {
            judge_end();
        }
        schedule_step();
        for (int i = 0; i < 4; i++) {
            world.busy++;
            fetchers_move();
            world.busy--;
        }
        world_pass((int64_t)random_below(world.bypassed ? 40000 : 2000));
        if (read) {
            judge_document();
            judge_list();
        }
    }
}

static void tear_down(void)
{
    refresher_free(&world.refresher);
    guard_free(&world.guard);
    cache_free(&world.cache);
    demand_free(&world.demand);
    if (memory_in_use() != 0) {
        broken("%zu allocations were not freed", memory_in_use());
    }
}

void schedule_run(uint64_t seed)
{
    build(seed);
    for (uint64_t left = 60 + random_below(1000); left > 0; left--) {
        happen();
    }
    settle();
    tear_down();
}
