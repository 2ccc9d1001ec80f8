/* A fetch for those who were away: reads the change log once, and works out what is new for each of them. */
#include "refresh/announce.h"
#include "refresh/fetch_run.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOG_ROWS_MAX = 65536 };

/* As the feed's read (change_feed.c), in two parts: transactions from $1 on, the newest first, and some that were
 * running ($4); without canaries. Whether a row's transaction is seen by which snapshot is decided here. The first row
 * is the log's horizon. */
const char fetch_log_sql[] =
    "SELECT 0, xid::text, NULL FROM feed.horizon"
    " UNION ALL (SELECT 1, xid::text, product_id::text FROM feed.change_log"
    " WHERE xid >= $1::xid8 AND xid < $2::xid8 AND product_id >= 0 ORDER BY xid DESC LIMIT $3::bigint)"
    " UNION ALL (SELECT 2, xid::text, product_id::text FROM feed.change_log"
    " WHERE xid = ANY ($4::xid8[]) AND product_id >= 0 LIMIT $3::bigint)";

struct log_row {
    uint64_t xid;
    int64_t product;
};

struct log_rows {
    struct log_row *at;
    size_t count;
    uint64_t horizon;
    uint64_t from;      /* all rows with xid ≥ it, below the head's xmax, are there */
    bool running_lacks; /* not all rows of those that were running */
};

/* ---- reading -------------------------------------------------------------------------------- */

static uint64_t lowest_xmax(const struct fetch *f)
{
    uint64_t lowest = UINT64_MAX;
    for (const struct resume *q = f->resumes; q; q = q->link) {
        lowest = q->since.from.xmax < lowest ? q->since.from.xmax : lowest;
        lowest = q->since.to.xmax < lowest ? q->since.to.xmax : lowest;
    }
    return lowest;
}

static void running_below(const struct snapshot *s, uint64_t xid, struct text *out)
{
    for (size_t i = 0; i < s->running && s->xip[i] < xid; i++) {
        text_printf(out, out->len > 1 ? ",%" PRIu64 : "%" PRIu64, s->xip[i]);
    }
}

static bool ask(struct fetcher *t, const struct fetch *f, PGresult **result, struct error *e)
{
    char from[24];
    char to[24];
    char most[24];
    uint64_t lowest = lowest_xmax(f);
    struct text running = {0};
    snprintf(from, sizeof from, "%" PRIu64, lowest);
    snprintf(to, sizeof to, "%" PRIu64, f->up_to_snapshot.xmax);
    snprintf(most, sizeof most, "%d", LOG_ROWS_MAX + 1);
    text_str(&running, "{");
    for (const struct resume *q = f->resumes; q; q = q->link) {
        running_below(&q->since.from, lowest, &running);
        running_below(&q->since.to, lowest, &running);
    }
    text_str(&running, "}");
    const char *const parameters[] = {from, to, most, running.at};
    bool ok = running.failed
                  ? error_set(e, ERROR_SYSTEM, "no memory for a log read")
                  : pg_execute(&t->pg, "log", parameters, sizeof parameters / sizeof *parameters, false, result, e);
    text_fini(&running);
    return ok;
}

static bool take_rows(const PGresult *result, struct log_rows *out, struct error *e)
{
    int rows = PQntuples(result);
    size_t parts[3] = {0};
    out->at = malloc(((size_t)rows + 1) * sizeof *out->at);
    if (!out->at) {
        return error_set(e, ERROR_SYSTEM, "no memory for %d rows of the log", rows);
    }
    uint64_t lowest = 0;
    for (int row = 0; row < rows; row++) {
        int part = *PQgetvalue(result, row, 0) - '0';
        uint64_t xid = strtoull(PQgetvalue(result, row, 1), NULL, 10);
        parts[part]++;
        if (part == 0) {
            out->horizon = xid;
            continue;
        }
        lowest = part == 1 ? xid : lowest;
        out->at[out->count++] = (struct log_row){.xid = xid, .product = strtoll(PQgetvalue(result, row, 2), NULL, 10)};
    }
    out->from = parts[1] > LOG_ROWS_MAX ? lowest + 1 : 0;
    out->running_lacks = parts[2] > LOG_ROWS_MAX;
    return parts[0] == 1 || error_set(e, ERROR_POSTGRES, "feed.horizon has no row: are the migrations applied?");
}

/* ---- what is new for one of them ------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_wanted(const struct resume *q, int64_t id)
{
    return !q->wanted || bsearch(&id, q->wanted, q->wanted_count, sizeof id, by_value);
}

/* Into `parts`: the batch that was broken off, and what came after it. */
static enum reload collect(const struct resume *q, const struct log_rows *rows, const struct snapshot *up_to,
                           struct id_list parts[2])
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct log_row *row = &rows->at[i];
        if (!snapshot_sees(up_to, row->xid) || snapshot_sees(&q->since.from, row->xid)) {
            continue;
        }
        bool late = !snapshot_sees(&q->since.to, row->xid);
        if (row->product == 0) {
            return RELOAD_EVERYTHING;
        }
        if (is_wanted(q, row->product)) {
            id_list_add(&parts[late], row->product);
        }
    }
    id_list_sort(&parts[0]);
    id_list_sort(&parts[1]);
    return parts[0].count > EVENTS_BATCH_IDS || parts[1].count > EVENTS_BATCH_IDS ? RELOAD_BEHIND : RELOAD_NOT;
}

static enum reload make_parts(struct resume *q, const struct snapshot *up_to, const struct id_list ids[2])
{
    const struct snapshot *bounds[] = {&q->since.from, &q->since.to, up_to};
    for (int i = 0; i < 2; i++) {
        if (ids[i].count > 0) {
            q->parts[i] = event_batch_new(q->since.era, bounds[i], bounds[i + 1], ids[i].at, ids[i].count);
        }
        if (ids[i].lacks || (ids[i].count > 0 && !q->parts[i])) {
            return RELOAD_UNKNOWN;
        }
    }
    return RELOAD_NOT;
}

static enum reload work_out(struct resume *q, const struct log_rows *rows, const struct snapshot *up_to)
{
    uint64_t xmin = q->since.from.xmin < q->since.to.xmin ? q->since.from.xmin : q->since.to.xmin;
    uint64_t xmax = q->since.from.xmax < q->since.to.xmax ? q->since.from.xmax : q->since.to.xmax;
    bool running = xmin < xmax;
    if (xmin < rows->horizon) {
        return RELOAD_PRUNED;
    }
    if (xmax < rows->from || (running && (xmin < rows->from || rows->running_lacks))) {
        return RELOAD_BEHIND;
    }
    struct id_list parts[2] = {0};
    enum reload why = collect(q, rows, up_to, parts);
    why = why ? why : make_parts(q, up_to, parts);
    id_list_fini(&parts[0]);
    id_list_fini(&parts[1]);
    return why;
}

bool fetch_run_log(struct fetcher *t, struct fetch *f, struct error *e)
{
    PGresult *result = NULL;
    struct log_rows rows = {0};
    if (!ask(t, f, &result, e)) {
        return false;
    }
    bool ok = take_rows(result, &rows, e);
    PQclear(result);
    for (struct resume *q = f->resumes; ok && q; q = q->link) {
        q->reload = work_out(q, &rows, &f->up_to_snapshot);
    }
    free(rows.at);
    return ok;
}
