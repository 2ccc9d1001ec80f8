#include "refresh/change_feed.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two parts: what was not begun at S0 (xid ≥ xmax), and what was running then and has ended since. The second asks
 * for the ended ones only: the rows of a transaction that runs for an hour are not walked over at every poll.
 * Sequential scans are off in this session: the planner cannot know how short the tail of the log is.
 * The first row is the snapshot of this very statement. $3 limits a read. */
static const char read_sql[] =
    "SELECT NULL::text, pg_current_snapshot()::text, h.xid::text FROM feed.horizon h"
    " UNION ALL (SELECT product_id::text, NULL, NULL FROM feed.change_log WHERE xid >= $1::xid8 LIMIT $3::bigint)"
    " UNION ALL (SELECT product_id::text, NULL, NULL FROM feed.change_log WHERE xid = ANY (ARRAY("
    "SELECT x FROM unnest($2::xid8[]) x WHERE pg_visible_in_snapshot(x, pg_current_snapshot()))) LIMIT $3::bigint)";

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

int feed_notifications(struct change_feed *feed)
{
    if (!PQconsumeInput(feed->pg.connection)) {
        pg_close(&feed->pg);
        return -1;
    }
    int count = 0;
    for (PGnotify *n; (n = PQnotifies(feed->pg.connection)); count++) {
        PQfreemem(n);
    }
    return count;
}

/* From which xid on the log is read. */
static uint64_t lower_bound(const struct change_feed *feed)
{
    if (feed->last.xmax == 0) {
        return UINT64_MAX; /* nothing is in memory yet, so nothing can be old */
    }
    if (!feed->fresh) {
        return feed->last.xmax;
    }
    return feed->last.xmax > OVER_READ ? feed->last.xmax - OVER_READ : 0;
}

static void running_text(const struct snapshot *s, struct text *out)
{
    text_str(out, "{");
    for (size_t i = 0; i < s->running; i++) {
        text_printf(out, i ? ",%" PRIu64 : "%" PRIu64, s->xip[i]);
    }
    text_str(out, "}");
}

static bool ask(struct change_feed *feed, size_t limit, PGresult **result, struct error *e)
{
    char bound[24];
    char most[24];
    struct text running = {0};
    snprintf(bound, sizeof bound, "%" PRIu64, lower_bound(feed));
    snprintf(most, sizeof most, "%zu", limit + 1);
    running_text(&feed->last, &running);
    if (running.failed) {
        text_fini(&running);
        pg_close(&feed->pg);
        return error_set(e, ERROR_SYSTEM, "no memory for a log read");
    }
    const char *const parameters[] = {bound, running.at, most};
    bool ok = pg_execute(&feed->pg, "read", parameters, 3, false, result, e);
    text_fini(&running);
    return ok;
}

/* What a row says: the snapshot and the horizon, or a product. */
static bool take_row(struct change_feed *feed, const PGresult *result, int row, struct changes *out, struct error *e)
{
    if (!PQgetisnull(result, row, 0)) {
        int64_t id = strtoll(PQgetvalue(result, row, 0), NULL, 10);
        out->everything |= id == 0;
        out->ids[out->count++] = id;
        return true;
    }
    uint64_t horizon = strtoull(PQgetvalue(result, row, 2), NULL, 10);
    out->everything |= feed->last.xmax != 0 && feed->last.xmin < horizon;
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
    out->everything |= out->count > limit;
    return out->snapshot.xmax > 0 ||
           error_set(e, ERROR_POSTGRES, "feed.horizon has no row: are the migrations applied?");
}

bool feed_read(struct change_feed *feed, size_t limit, struct changes *out, struct error *e)
{
    PGresult *result = NULL;
    *out = (struct changes){.sent_us = clock_us()};
    struct snapshot last = {0};
    if (!ask(feed, limit, &result, e)) {
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
    snapshot_fini(&feed->last);
    feed->last = last;
    feed->fresh = false;
    return true;
}
