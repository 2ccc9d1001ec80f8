#include "refresh/fetch_run.h"

#include "base/log.h"
#include "refresh/fetch_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading -------------------------------------------------------------------------------- */

static bool add_result(struct rows *rows, const PGresult *result, struct error *e)
{
    struct field fields[ROW_COLUMNS];
    if (PQnfields(result) != ROW_COLUMNS) {
        return error_set(e, ERROR_POSTGRES, "a fetch has %d columns, not %d", PQnfields(result), ROW_COLUMNS);
    }
    for (int row = 0; row < PQntuples(result); row++) {
        for (int i = 0; i < ROW_COLUMNS; i++) {
            bool null = PQgetisnull(result, row, i);
            fields[i] =
                (struct field){.at = null ? NULL : PQgetvalue(result, row, i), .len = PQgetlength(result, row, i)};
        }
        if (!rows_add(rows, fields, e)) {
            return false;
        }
    }
    return true;
}

/* "{1,2,3}" */
static void array_text(const int64_t *ids, size_t count, struct text *out)
{
    text_str(out, "{");
    for (size_t i = 0; i < count; i++) {
        text_printf(out, i ? ",%" PRId64 : "%" PRId64, ids[i]);
    }
    text_str(out, "}");
}

static bool read_ids(struct fetcher *t, const struct fetch *f, struct error *e)
{
    struct text array = {0};
    array_text(f->ids, f->count, &array);
    const char *parameter = array.at;
    PGresult *result = NULL;
    bool ok = array.failed ? error_set(e, ERROR_SYSTEM, "no memory for a query")
                           : pg_execute(&t->pg, "ids", &parameter, 1, true, &result, e);
    text_fini(&array);
    ok = ok && add_result(&t->rows, result, e);
    PQclear(result);
    return ok;
}

/* COPY's binary format starts with a signature, flags and an extension, glued to the first row. */
enum { COPY_HEADER = 19 };

static bool read_copy(struct fetcher *t, enum row_kind kind, struct error *e)
{
    bool first = true;
    for (;;) {
        char *row;
        int len;
        if (!pg_copy_row(&t->pg, &row, &len, e)) {
            return false;
        }
        if (len < 0) {
            return true;
        }
        struct field fields[ROW_COLUMNS];
        bool end;
        int skip = first && len >= COPY_HEADER ? COPY_HEADER : 0;
        first = false;
        bool ok = rows_split_copy(row + skip, (size_t)(len - skip), kind, fields, &end, e) &&
                  (end || rows_add(&t->rows, fields, e));
        PQfreemem(row);
        if (!ok) {
            return false;
        }
    }
}

/* All results of what was sent: one COPY of each kind is read, in their order; others are passed over. */
static bool read_results(struct fetcher *t, struct error *e)
{
    PGresult *result;
    enum row_kind kind = ROW_SNAPSHOT;
    while (pg_next_result(&t->pg, &result, e)) {
        if (!result) {
            return true;
        }
        bool copy = PQresultStatus(result) == PGRES_COPY_OUT;
        PQclear(result);
        if (copy && !read_copy(t, kind++, e)) {
            return false;
        }
    }
    return false;
}

/* The transaction that the COPYs follow in. The LOCK comes before the snapshot: TRUNCATE does not keep to snapshots.
 * The permit ends with the transaction, so also with a replica that dies; it is tried and never waited for, because
 * what waits in a transaction holds back the vacuum horizon. */
static bool begin_slice(struct fetcher *t, struct fetch *f, struct error *e)
{
    struct text sql = {0};
    text_str(&sql, SQL_BEGIN_SLICE "SELECT CASE");
    for (int64_t i = 0; i < t->loads_at_once; i++) {
        text_printf(&sql, " WHEN " SQL_TRY_PERMIT " THEN true", i);
    }
    text_str(&sql, " ELSE false END");
    PGresult *result;
    bool ok = sql.failed ? error_set(e, ERROR_SYSTEM, "no memory for a query") : pg_query(&t->pg, sql.at, &result, e);
    text_fini(&sql);
    if (ok) {
        f->refused = PQgetvalue(result, 0, 0)[0] != 't';
        PQclear(result);
    }
    return ok;
}

static bool end_slice(struct fetcher *t, struct error *e)
{
    PGresult *result;
    if (!pg_query(&t->pg, "COMMIT", &result, e)) {
        return false;
    }
    PQclear(result);
    return true;
}

/* Where the slice ends, and for one with an open end, where those after it do. One whose end was a bound is whole,
 * unless so much has been added since that it would be twice as large. */
static bool find_bounds(struct fetcher *t, struct fetch *f, struct error *e)
{
    bool open = f->until == INT64_MAX;
    int64_t step = open ? f->slice : 2 * f->slice;
    char sql[sizeof SQL_BOUNDS + 128];
    snprintf(sql, sizeof sql, SQL_BOUNDS, f->after, f->until, open ? step * (FETCH_BOUNDS_MAX + 1) : step, step);
    PGresult *result;
    if (!pg_query(&t->pg, sql, &result, e)) {
        return false;
    }
    f->up_to = f->until;
    for (int i = 0; i < PQntuples(result) && i <= FETCH_BOUNDS_MAX; i++) {
        int64_t bound = strtoll(PQgetvalue(result, i, 0), NULL, 10);
        if (i == 0) {
            f->up_to = bound;
            f->estimate = strtoll(PQgetvalue(result, i, 1), NULL, 10);
        } else {
            f->bounds[f->bound_count++] = bound;
        }
    }
    PQclear(result);
    return true;
}

static bool read_slice(struct fetcher *t, struct fetch *f, struct error *e)
{
    static const struct copy_sql copies[ROW_KINDS] = SQL_COPIES;
    if (!begin_slice(t, f, e)) {
        return false;
    }
    if (f->refused) {
        return end_slice(t, e);
    }
    if (!find_bounds(t, f, e)) {
        return false;
    }
    struct text sql = {0};
    text_str(&sql, SQL_COPY_SNAPSHOT);
    for (int kind = ROW_PRODUCT; kind < ROW_KINDS; kind++) {
        const struct copy_sql *copy = &copies[kind];
        text_printf(&sql,
                    "COPY (SELECT %s WHERE %s > %" PRId64 " AND %s <= %" PRId64
                    " ORDER BY %s) TO STDOUT (FORMAT binary);",
                    copy->select, copy->id, f->after, copy->id, f->up_to, copy->order);
    }
    text_str(&sql, "COMMIT");
    bool ok = sql.failed ? error_set(e, ERROR_SYSTEM, "no memory for a query") : pg_send(&t->pg, sql.at, e);
    text_fini(&sql);
    return ok && read_results(t, e);
}

static bool prune(struct fetcher *t, struct fetch *f, struct error *e)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT feed.prune(make_interval(secs => %" PRId64 "))", f->prune_seconds);
    PGresult *result;
    if (!pg_query(&t->pg, sql, &result, e)) {
        return false;
    }
    f->pruned = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return true;
}

/* ---- making entries ------------------------------------------------------------------------- */

static bool add_entry(struct fetch *f, struct entry *made)
{
    f->entries[f->entry_count++] = made;
    return true;
}

/* Products and asked-for ids are both ascending: whoever was asked for and did not come does not exist. */
static bool make_entries(struct fetcher *t, struct fetch *f, struct error *e)
{
    const struct product *products;
    size_t count;
    if (!rows_join(&t->rows, &products, &count, e)) {
        return false;
    }
    if (t->rows.orphans > 0) {
        log_warn("orphan_rows", LOG_INT("rows", t->rows.orphans),
                 LOG_STR("meaning", "their product or style is not there; they are not shown"));
    }
    f->stamp = stamp_make(f->era_index, snapshot_version(&t->rows.snapshot));
    f->entries = calloc(count + f->count + 1, sizeof(struct entry *));
    if (!f->entries) {
        return error_set(e, ERROR_SYSTEM, "no memory for %zu entries", count);
    }
    size_t asked = 0;
    struct entry *made;
    for (size_t i = 0; i < count; i++) {
        for (; asked < f->count && f->ids[asked] < products[i].id; asked++) {
            if (!entry_make_absent(f->ids[asked], f->stamp, &made, e) || !add_entry(f, made)) {
                return false;
            }
        }
        bool known = asked < f->count && f->ids[asked] == products[i].id;
        const struct entry *before = known ? f->before[asked++] : NULL;
        if (!entry_make(t->maker, &products[i], f->stamp, before, &made, e) || !add_entry(f, made)) {
            return false;
        }
        made->digest = rows_digest(&t->rows, products[i].id);
    }
    for (; asked < f->count; asked++) {
        if (!entry_make_absent(f->ids[asked], f->stamp, &made, e) || !add_entry(f, made)) {
            return false;
        }
    }
    return true;
}

/* ---- running it ----------------------------------------------------------------------------- */

/* A replica takes one of Postgres's cores at most. Products are read by their indexes, planned once: planning the seven
 * parts of a fetch takes longer than running them, and a plan made for tables that were still small must not scan
 * them later. */
static const char session_sql[] = "SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off;"
                                  "SET plan_cache_mode = force_generic_plan";

static bool prepare(struct fetcher *t, struct error *e)
{
    PGresult *result;
    if (pg_is_open(&t->pg)) {
        return true;
    }
    if (!pg_open(&t->pg, e) || !pg_query(&t->pg, session_sql, &result, e)) {
        return false;
    }
    PQclear(result);
    return pg_prepare(&t->pg, "ids", SQL_FETCH_IDS, e) && pg_prepare(&t->pg, "log", fetch_log_sql, e);
}

/* A connection left over from a life that has ended is replaced at once; a feed that is left over fails the fetch. */
static bool join_era(struct fetcher *t, struct fetch *f, struct error *e)
{
    for (int tries = 0; tries < 2; tries++) {
        if (!prepare(t, e)) {
            return false;
        }
        if (t->pg.era.number == f->era.number) {
            return true;
        }
        pg_close(&t->pg);
    }
    return error_set(e, ERROR_POSTGRES, "Postgres (fetch) is in another era than the feed");
}

/* Its rows are megabytes, which no other fetch needs. */
static bool run_slice(struct fetcher *t, struct fetch *f, struct error *e)
{
    bool ok = read_slice(t, f, e) && (f->refused || make_entries(t, f, e));
    rows_fini(&t->rows);
    return ok;
}

bool fetch_run(struct fetcher *t, struct fetch *f, struct error *e)
{
    if (!join_era(t, f, e)) {
        return false;
    }
    rows_clear(&t->rows);
    switch (f->kind) {
    case FETCH_IDS:
        return read_ids(t, f, e) && make_entries(t, f, e);
    case FETCH_SLICE:
        return run_slice(t, f, e);
    case FETCH_RANGE_DIGEST:
    case FETCH_PRODUCT_DIGESTS:
        return fetch_run_digests(t, f, e);
    case FETCH_ROW_COUNTS:
        return fetch_run_row_counts(t, f, e);
    case FETCH_LOG:
        return fetch_run_log(t, f, e);
    default:
        return prune(t, f, e);
    }
}
