/* What writers do, a step at a time. */
#include "simulation/events.h"

#include <inttypes.h>

static struct txn *any_txn(void)
{
    return &world.model.txns[random_below(TRANSACTIONS)];
}

static int64_t any_product(void)
{
    return (int64_t)random_below(PRODUCTS) + 1;
}

static size_t number_of(const struct txn *t)
{
    return (size_t)(t - world.model.txns);
}

/* `id`: 0 if that is not about one product. */
static bool say_write(bool could, const char *what, const struct txn *t, int64_t id)
{
    world.bypassed |= could && t->unlogged && id > 0 ? 1u << id : 0;
    if (could) {
        say("transaction %zu (xid %" PRIu64 ") %s %" PRId64, number_of(t), t->xid, what, id);
    }
    return could;
}

bool write_begin(void)
{
    struct txn *t = any_txn();
    world.began_us[number_of(t)] = world.now_us;
    bool could =
        model_has_room(&world.model) && model_begin(&world.model, t, world.asynchronous || one_in(3), !one_in(5));
    t->unlogged = could && world.bypasses && one_in(4);
    return could;
}

bool write_insert(void)
{
    struct txn *t = any_txn();
    int64_t id = any_product();
    return say_write(model_insert(&world.model, t, id), "inserts", t, id);
}

bool write_update(void)
{
    struct txn *t = any_txn();
    int64_t id = any_product();
    return say_write(model_update(&world.model, t, id, (int)random_below(PARTS)), "updates", t, id);
}

bool write_delete(void)
{
    struct txn *t = any_txn();
    int64_t id = any_product();
    return say_write(model_delete(&world.model, t, id), "deletes", t, id);
}

bool write_truncate(void)
{
    struct txn *t = any_txn();
    uint32_t refill = one_in(2) ? (uint32_t)random_below(2 << PRODUCTS) : 0;
    bool could = model_truncate(&world.model, t, refill);
    seen_count[SEEN_TRUNCATED] += could;
    return say_write(could, refill ? "truncates and fills again" : "truncates", t, 0);
}

bool write_savepoint(void)
{
    return model_savepoint(any_txn());
}

bool write_rollback(void)
{
    struct txn *t = any_txn();
    bool changed = t->sub_xid != 0;
    bool could = model_rollback_to_savepoint(&world.model, t);
    seen_count[SEEN_SAVEPOINT_BACK] += could && changed;
    return say_write(could, "rolls back to its savepoint", t, 0);
}

bool write_prepare(void)
{
    struct txn *t = any_txn();
    return say_write(model_prepare(&world.model, t), "is prepared", t, 0);
}

bool commit_transaction(struct txn *t)
{
    bool notifies;
    bool prepared = t->state == TXN_PREPARED;
    if (!model_commit(&world.model, t, world.now_us, &notifies)) {
        return false;
    }
    say_write(t->xid != 0, t->async ? "commits, asynchronously" : "commits", t, 0);
    seen_count[SEEN_PREPARED_ENDED] += prepared;
    seen_count[SEEN_LONG_TRANSACTION] += t->xid && world.now_us - world.began_us[number_of(t)] > 10000000;
    seen_count[SEEN_BYPASSED] += t->xid && t->unlogged;
    if (t->xid) {
        connection_committed(notifies);
    }
    return true;
}

bool write_commit(void)
{
    return commit_transaction(any_txn());
}

bool write_abort(void)
{
    struct txn *t = any_txn();
    if (!world.model.up || t->state == TXN_NONE) {
        return false;
    }
    say_write(true, "is rolled back", t, 0);
    model_abort(&world.model, t);
    return true;
}

bool write_use_xids(void)
{
    if (!world.model.up) {
        return false;
    }
    uint64_t count = one_in(2) ? random_below(5) + 1 : random_below(45000) + 1;
    say("%" PRIu64 " other transactions", count);
    model_use_xids(&world.model, count);
    return true;
}

bool write_prune(void)
{
    if (!world.model.up) {
        return false;
    }
    int64_t retention_us = world.refresher->options.log_retention_s * 1000000;
    say("another replica prunes");
    model_prune(&world.model, retention_us, world.now_us);
    return true;
}
