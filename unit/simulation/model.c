#include "simulation/model.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLUSH_US = 600000,
    UNFLUSHED_XIDS = 60000, /* fewer than OVER_READ: the over-read of a new life rests on that */
};

static state pack(const uint32_t part[PARTS])
{
    return (state)part[1] << 32 | part[0];
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Notes what is different now from what the history says last. */
static void note_history(struct model *m, int64_t us)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        struct history *h = &m->history[id];
        state now = pack(m->now.part[id]);
        if (h->count == 0 || h->changes[h->count - 1].state != now) {
            ENSURE(h->count < sizeof h->changes / sizeof *h->changes);
            h->changes[h->count++] = (struct change){.us = us, .state = now};
        }
    }
}

void image_copy(struct image *to, const struct image *from)
{
    memcpy(to, from, offsetof(struct image, log));
    memcpy(to->log, from->log, from->log_count * sizeof *from->log);
    memcpy(to->ticks, from->ticks, from->tick_count * sizeof *from->ticks);
}

static void flush(struct model *m)
{
    m->now.commits = m->commit_count;
    image_copy(&m->disk, &m->now);
    m->tail_count = 0;
}

void model_flush_if_due(struct model *m, int64_t us)
{
    if (m->tail_count && us - m->tail_since_us > FLUSH_US) {
        flush(m);
    }
}

void model_init(struct model *m, uint64_t first_xid, uint32_t products, int64_t us)
{
    memset(m, 0, sizeof *m);
    m->up = true;
    m->boot = m->timeline = 1;
    m->system = 7;
    m->now.next_xid = first_xid;
    m->ended_xid = first_xid - 1;
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        for (int k = 0; k < PARTS && (products >> id & 1); k++) {
            m->now.part[id][k] = ++m->last_part;
        }
    }
    note_history(m, us);
    flush(m);
}

bool model_has_room(const struct model *m)
{
    return m->commit_count < COMMITS_MAX - TRANSACTIONS && m->boot < COMMITS_MAX / 2 &&
           m->now.log_count < LOG_MAX - TRANSACTIONS * (PRODUCTS + 1);
}

/* ---- numbers -------------------------------------------------------------------------------- */

void model_use_xids(struct model *m, uint64_t count)
{
    if (m->now.next_xid + count - m->disk.next_xid > UNFLUSHED_XIDS) {
        flush(m);
    }
    m->now.next_xid += count;
    m->ended_xid = m->now.next_xid - 1;
}

static uint64_t take_xid(struct model *m)
{
    if (m->now.next_xid - m->disk.next_xid > UNFLUSHED_XIDS) {
        flush(m);
    }
    return m->now.next_xid++;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Those that run and are below xmax; sub-transactions are not named. */
static size_t running(const struct model *m, uint64_t xip[TRANSACTIONS])
{
    size_t count = 0;
    for (const struct txn *t = m->txns; t < m->txns + TRANSACTIONS; t++) {
        if (t->state != TXN_NONE && t->xid && t->xid <= m->ended_xid) {
            xip[count++] = t->xid;
        }
    }
    qsort(xip, count, sizeof *xip, by_value);
    return count;
}

static uint64_t oldest_running(const struct model *m)
{
    uint64_t xip[TRANSACTIONS];
    return running(m, xip) ? xip[0] : m->ended_xid + 1;
}

uint64_t model_version(const struct model *m)
{
    uint64_t xip[TRANSACTIONS];
    return m->ended_xid + 1 - running(m, xip);
}

void model_snapshot(const struct model *m, char text[SNAPSHOT_TEXT])
{
    uint64_t xip[TRANSACTIONS];
    size_t count = running(m, xip);
    int at = snprintf(text, SNAPSHOT_TEXT, "%" PRIu64 ":%" PRIu64 ":", oldest_running(m), m->ended_xid + 1);
    for (size_t i = 0; i < count; i++) {
        at += snprintf(text + at, SNAPSHOT_TEXT - (size_t)at, i ? ",%" PRIu64 : "%" PRIu64, xip[i]);
    }
}

state model_read(const struct model *m, int64_t id)
{
    return pack(m->now.part[id]);
}

/* ---- writers -------------------------------------------------------------------------------- */

bool model_begin(struct model *m, struct txn *t, bool async, bool notify)
{
    if (!m->up || t->state != TXN_NONE) {
        return false;
    }
    *t = (struct txn){.state = TXN_RUNNING, .async = async, .notify = notify};
    return true;
}

static bool is_locked(const struct model *m, const struct txn *by, int64_t id, uint8_t parts)
{
    for (const struct txn *t = m->txns; t < m->txns + TRANSACTIONS; t++) {
        if (t != by && t->state != TXN_NONE && (t->work.locked[id] & parts)) {
            return true;
        }
    }
    return false;
}

static bool exists_for(const struct model *m, const struct txn *t, int64_t id)
{
    return t->work.locked[id] & 1 ? t->work.part[id][0] : m->now.part[id][0];
}

static void write_part(struct model *m, struct txn *t, int64_t id, int k, uint32_t to)
{
    if (!t->xid) {
        t->xid = t->last_xid = take_xid(m);
    }
    if (t->in_savepoint && !t->sub_xid) {
        t->sub_xid = t->last_xid = take_xid(m);
    }
    t->work.part[id][k] = to;
    t->work.locked[id] |= (uint8_t)(1 << k);
    t->work.logged |= t->unlogged ? 0 : 1u << id;
}

static bool write_all(struct model *m, struct txn *t, int64_t id, bool exists)
{
    if (t->state != TXN_RUNNING || is_locked(m, t, id, 3) || exists == exists_for(m, t, id)) {
        return false;
    }
    for (int k = 0; k < PARTS; k++) {
        write_part(m, t, id, k, exists ? ++m->last_part : 0);
    }
    return true;
}

bool model_insert(struct model *m, struct txn *t, int64_t id)
{
    return write_all(m, t, id, true);
}

bool model_delete(struct model *m, struct txn *t, int64_t id)
{
    return write_all(m, t, id, false);
}

bool model_update(struct model *m, struct txn *t, int64_t id, int part)
{
    if (t->state != TXN_RUNNING || is_locked(m, t, id, (uint8_t)(1 << part)) || !exists_for(m, t, id)) {
        return false;
    }
    write_part(m, t, id, part, ++m->last_part);
    return true;
}

bool model_truncate(struct model *m, struct txn *t, uint32_t refill)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        if (t->state != TXN_RUNNING || is_locked(m, t, id, 3)) {
            return false;
        }
    }
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        write_all(m, t, id, false);
        if (refill >> id & 1) {
            write_all(m, t, id, true);
        }
    }
    t->work.logged = t->xid ? 1 : 0; /* one row, whatever there was */
    return true;
}

bool model_savepoint(struct txn *t)
{
    if (t->state != TXN_RUNNING) {
        return false;
    }
    t->in_savepoint = true;
    t->sub_xid = 0;
    t->before_savepoint = t->work;
    return true;
}

bool model_rollback_to_savepoint(struct model *m, struct txn *t)
{
    if (t->state != TXN_RUNNING || !t->in_savepoint) {
        return false;
    }
    m->ended_xid = later(m->ended_xid, t->sub_xid);
    t->work = t->before_savepoint;
    t->in_savepoint = false;
    t->sub_xid = 0;
    return true;
}

bool model_prepare(struct model *m, struct txn *t)
{
    if (t->state != TXN_RUNNING || !t->xid || t->notify) {
        return false; /* Postgres refuses it after NOTIFY */
    }
    flush(m);
    t->state = TXN_PREPARED;
    t->async = false;
    return true;
}

static void end(struct model *m, struct txn *t)
{
    m->ended_xid = later(m->ended_xid, t->last_xid);
    t->state = TXN_NONE;
}

void model_abort(struct model *m, struct txn *t)
{
    end(m, t);
}

/* Makes it visible. */
static void apply_work(struct image *image, const struct txn *t)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        for (int k = 0; k < PARTS; k++) {
            if (t->work.locked[id] >> k & 1) {
                image->part[id][k] = t->work.part[id][k];
            }
        }
    }
    for (int64_t id = 0; id <= PRODUCTS; id++) {
        if (t->work.logged >> id & 1) {
            ENSURE(image->log_count < LOG_MAX);
            image->log[image->log_count].xid = t->xid;
            image->log[image->log_count++].id = id;
        }
    }
}

bool model_commit(struct model *m, struct txn *t, int64_t us, bool *notifies)
{
    *notifies = false;
    if (!m->up || t->state == TXN_NONE) {
        return false;
    }
    if (!t->xid) {
        end(m, t);
        return true;
    }
    *notifies = t->notify && t->work.logged;
    apply_work(&m->now, t);
    m->commits[m->commit_count++] = (struct commit){.xid = t->xid, .boot = m->boot, .logged = t->work.logged, .us = us};
    m->tail_since_us = m->tail_count ? m->tail_since_us : us;
    m->tail[m->tail_count++] = *t;
    end(m, t);
    if (!t->async) {
        flush(m);
    }
    note_history(m, us);
    return true;
}

/* ---- feed.prune ----------------------------------------------------------------------------- */

size_t model_prune(struct model *m, int64_t retention_us, int64_t us)
{
    struct image *now = &m->now;
    uint64_t bound = 0;
    size_t kept = 0;
    if (now->tick_count == TICKS_MAX) {
        return 0;
    }
    now->ticks[now->tick_count].us = us;
    now->ticks[now->tick_count++].oldest_xid = oldest_running(m);
    m->ended_xid = later(m->ended_xid, take_xid(m));
    for (size_t i = 0; i < now->tick_count; i++) {
        bound = now->ticks[i].us <= us - retention_us ? later(bound, now->ticks[i].oldest_xid) : bound;
    }
    now->horizon = later(now->horizon, bound);
    for (size_t i = 0; i < now->tick_count; i++) {
        if (now->ticks[i].oldest_xid >= bound) {
            now->ticks[kept++] = now->ticks[i];
        }
    }
    now->tick_count = kept;
    kept = 0;
    for (size_t i = 0; i < now->log_count; i++) {
        if (now->log[i].xid >= bound) {
            now->log[kept++] = now->log[i];
        }
    }
    size_t pruned = now->log_count - kept;
    now->log_count = kept;
    flush(m);
    return pruned;
}

/* ---- faults --------------------------------------------------------------------------------- */

static void new_life(struct model *m)
{
    for (struct txn *t = m->txns; t < m->txns + TRANSACTIONS; t++) {
        t->state = t->state == TXN_PREPARED ? TXN_PREPARED : TXN_NONE;
    }
    m->ended_xid = m->now.next_xid - 1;
    m->up = false;
    m->boot++;
    m->resets = 0;
    flush(m);
}

size_t model_crash(struct model *m, uint64_t (*choose)(uint64_t n), int64_t us)
{
    size_t kept = choose(m->tail_count + 1);
    size_t lost = m->tail_count - kept;
    uint64_t before = m->now.next_xid;
    image_copy(&m->now, &m->disk);
    for (size_t i = 0; i < kept; i++) {
        apply_work(&m->now, &m->tail[i]);
        m->now.next_xid = later(m->now.next_xid, m->tail[i].last_xid + 1);
    }
    for (size_t i = m->commit_count - lost; i < m->commit_count; i++) {
        m->commits[i].lost = true;
    }
    if (choose(2)) {
        m->now.next_xid += choose(before - m->now.next_xid + 1);
    }
    new_life(m);
    note_history(m, us);
    return lost;
}

void model_stop(struct model *m)
{
    new_life(m);
}

void model_restore(struct model *m, const struct image *backup, int64_t us)
{
    for (size_t i = backup->commits; i < m->commit_count; i++) {
        m->commits[i].lost = true;
    }
    for (struct txn *t = m->txns; t < m->txns + TRANSACTIONS; t++) {
        t->state = TXN_NONE;
    }
    image_copy(&m->now, backup);
    new_life(m);
    note_history(m, us);
}
