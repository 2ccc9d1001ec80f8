#include "refresh/change_feed.h"

#include "base/clock.h"
#include "base/text.h"
#include "refresh/duty_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two parts: what was not begun at S0 ($1, its xmax), and what was running then ($2) and has ended since. Both ask for
 * the rows of transactions that have ended, and were not rolled back: those of one that runs for an hour, or was rolled
 * back, are not walked over. So the first SINGLY transactions after S0 are looked up one by one with the second part;
 * the first part takes what is beyond, and all of an over-read: each product once, because what changes often fills it.
 * $5: the tick that was the newest; null unless the feed has just been connected. $3 limits a read.
 * Sequential scans are off in this session: the planner cannot know how short the tail of the log is.
 * The first row is of the snapshot of this very statement. */
enum { SINGLY = 4096, OVER_READ_MS = 4000 };
#define XMAX "pg_snapshot_xmax(pg_current_snapshot())"
static const char read_sql[] =
    "SELECT NULL::text, pg_current_snapshot()::text, h.xid::text, " DUTY_IS_SILENT ", " PG_STARTED ","
    " (SELECT max(at)::text FROM feed.ticks), $5::timestamptz IS NULL OR EXISTS (SELECT FROM feed.ticks WHERE at = $5)"
    " FROM feed.horizon h"
    " UNION ALL (SELECT product_id::text, NULL, NULL, NULL, NULL, NULL, NULL FROM (SELECT DISTINCT product_id"
    " FROM feed.change_log WHERE xid >= ($1::bigint + $4::bigint)::text::xid8 AND xid < " XMAX ") many"
    " LIMIT $3::bigint)"
    " UNION ALL (SELECT product_id::text, NULL, NULL, NULL, NULL, NULL, NULL FROM feed.change_log"
    " WHERE xid = ANY (ARRAY(SELECT x FROM (SELECT unnest($2::xid8[]) UNION ALL SELECT n::text::xid8"
    " FROM generate_series($1::bigint, least($1::bigint + $4::bigint, " XMAX "::text::bigint) - 1) n) ended (x)"
    " WHERE CASE WHEN pg_visible_in_snapshot(x, pg_current_snapshot())"
    " THEN pg_xact_status(x) IS DISTINCT FROM 'aborted' END)) LIMIT $3::bigint)";

static const char session_sql[] = "SET enable_seqscan = off; SET enable_bitmapscan = off;"
                                  "SET plan_cache_mode = force_generic_plan; LISTEN atelier_changes";

bool feed_open(struct change_feed *feed, struct error *e)
{
    PGresult *result;
    if (!pg_open(&feed->pg, e) || !pg_query(&feed->pg, session_sql, &result, e)) {
        return false;
    }
    PQclear(result);
    feed->fresh = true;
    return pg_prepare(&feed->pg, "read", read_sql, e);
}

void feed_fini(struct change_feed *feed)
{
    pg_close(&feed->pg);
    snapshot_fini(&feed->last);
}

void changes_fini(struct changes *c)
{
    snapshot_fini(&c->snapshot);
    free(c->ids);
    *c = (struct changes){0};
}

/* Writers notify without a payload, canaries with their id. */
bool feed_notifications(struct change_feed *feed, struct heard *out)
{
    *out = (struct heard){0};
    if (!PQconsumeInput(feed->pg.connection)) {
        pg_close(&feed->pg);
        return false;
    }
    for (PGnotify *n; (n = PQnotifies(feed->pg.connection)); PQfreemem(n)) {
        bool own = strtoll(n->extra, NULL, 10) == feed->canary;
        *(!*n->extra ? &out->changes : own ? &out->own : &out->canaries) += 1;
    }
    return true;
}

/* In the life that S0 is of, S0 says what was read, whatever became of the connection. */
static bool must_over_read(const struct change_feed *feed)
{
    return feed->fresh && feed->era != feed->pg.era.number;
}

/* From which xid on the log is read. */
static uint64_t lower_bound(const struct change_feed *feed)
{
    if (feed->last.xmax == 0) {
        return INT64_MAX - SINGLY; /* nothing is in memory yet, so nothing can be old */
    }
    if (!must_over_read(feed)) {
        return feed->last.xmax;
    }
    return feed->last.xmax > OVER_READ ? feed->last.xmax - OVER_READ : 0;
}

static void running_text(const struct snapshot *s, struct text *out)
{
    for (size_t i = 0; i < s->running; i++) {
        text_printf(out, i ? ",%" PRIu64 : "%" PRIu64, s->xip[i]);
    }
}

static bool ask(struct change_feed *feed, size_t limit, PGresult **result, struct error *e)
{
    char from[24];
    char most[24];
    char singly[24];
    const struct snapshot *last = &feed->last;
    bool again = feed->fresh && last->xmax != 0;
    struct text running = {0};
    snprintf(from, sizeof from, "%" PRIu64, lower_bound(feed));
    snprintf(most, sizeof most, "%zu", limit + 1);
    snprintf(singly, sizeof singly, "%d", must_over_read(feed) ? 0 : SINGLY);
    text_str(&running, "{");
    running_text(last, &running);
    text_str(&running, "}");
    if (running.failed) {
        text_fini(&running);
        pg_close(&feed->pg);
        return error_set(e, ERROR_SYSTEM, "no memory for a log read");
    }
    const char *const parameters[] = {from, running.at, most, singly, again && *feed->tick ? feed->tick : NULL};
    bool ok = pg_execute(&feed->pg, "read", parameters, sizeof parameters / sizeof *parameters, false, result, e);
    text_fini(&running);
    return ok;
}

/* What a row says: the snapshot and the horizon, or a product. */
static bool take_row(struct change_feed *feed, const PGresult *result, int row, struct changes *out, struct error *e)
{
    if (!PQgetisnull(result, row, 0)) {
        int64_t id = strtoll(PQgetvalue(result, row, 0), NULL, 10);
        if (id < 0) {
            out->canaries = true;
            out->canary |= id == feed->canary;
            return true;
        }
        out->everything |= id == 0;
        out->ids[out->count++] = id;
        return true;
    }
    uint64_t horizon = strtoull(PQgetvalue(result, row, 2), NULL, 10);
    out->everything |= feed->last.xmax != 0 && feed->last.xmin < horizon;
    out->silent = *PQgetvalue(result, row, 3) == 't';
    out->restarted = strtoll(PQgetvalue(result, row, 4), NULL, 10) != feed->pg.started_us;
    snprintf(feed->tick, sizeof feed->tick, "%s", PQgetvalue(result, row, 5));
    out->less = *PQgetvalue(result, row, 6) != 't';
    snapshot_fini(&out->snapshot);
    return snapshot_parse(PQgetvalue(result, row, 1), (size_t)PQgetlength(result, row, 1), &out->snapshot, e);
}

static bool take_rows(struct change_feed *feed, const PGresult *result, size_t limit, struct changes *out,
                      struct error *e)
{
    int rows = PQntuples(result);
    out->ids = malloc(((size_t)rows + 1) * sizeof *out->ids);
    if (!out->ids) {
        return error_set(e, ERROR_SYSTEM, "no memory for %d changes", rows);
    }
    for (int row = 0; row < rows; row++) {
        if (!take_row(feed, result, row, out, e)) {
            return false;
        }
    }
    out->everything |= (size_t)rows > limit + 1; /* the first row is of no product */
    return out->snapshot.xmax > 0 ||
           error_set(e, ERROR_POSTGRES, "feed.horizon has no row: are the migrations applied?");
}

bool feed_read(struct change_feed *feed, size_t limit, struct changes *out, struct error *e)
{
    PGresult *result = NULL;
    *out = (struct changes){.sent_us = clock_us()};
    struct snapshot last = {0};
    feed->pg.brief = !must_over_read(feed);
    if (!feed->pg.brief && feed->pg.patience_ms < OVER_READ_MS) {
        feed->pg.patience_ms = OVER_READ_MS; /* 65,536 transactions, of any number of rows */
    }
    if (!ask(feed, limit, &result, e)) {
        if (++feed->failures == READ_FAILURES_MAX) {
            snapshot_fini(&feed->last);
        }
        return false;
    }
    bool ok = take_rows(feed, result, limit, out, e);
    PQclear(result);
    if (ok && !snapshot_copy(&out->snapshot, &last)) {
        ok = error_set(e, ERROR_SYSTEM, "no memory for a snapshot");
    }
    if (!ok) {
        changes_fini(out);
        pg_close(&feed->pg);
        return false;
    }
    out->everything |= feed->failures >= READ_FAILURES_MAX;
    feed->failures = 0;
    snapshot_fini(&feed->last);
    feed->last = last;
    feed->fresh = false;
    feed->era = feed->pg.era.number;
    return true;
}
