/* What the audit asks Postgres for: digests of products, and counts of changed rows. One statement each. */
#include "refresh/fetch_run.h"

#include "base/clock.h"
#include "refresh/digest.h"

#include <inttypes.h>
#include <stdlib.h>

/* Columns: a product's id, its digest, NULL; and before these, NULL, NULL, the snapshot. */
#define SQL_SNAPSHOT_ROW "SELECT NULL::bigint, NULL::bigint, pg_current_snapshot()::text UNION ALL "
#define SQL_IN_ORDER " ORDER BY 1 NULLS FIRST"

/* The rows of all six tables in the range, as the statement's outer part needs them. */
static void rows_sql(struct text *sql, const struct fetch *f)
{
    bool together = f->kind == FETCH_RANGE_DIGEST;
    for (int kind = ROW_PRODUCT; kind < ROW_KINDS; kind++) {
        const char *product = digest_product_column((enum row_kind)kind);
        text_str(sql, kind == ROW_PRODUCT ? "SELECT " : " UNION ALL SELECT ");
        if (!together) {
            text_printf(sql, "%s AS id, %s AS is_product, ", product, kind == ROW_PRODUCT ? "true" : "false");
        }
        text_str(sql, together ? "bit_xor(" : "(");
        digest_row_sql(sql, (enum row_kind)kind);
        text_printf(sql, ") AS part FROM %s WHERE %s > %" PRId64 " AND %s <= %" PRId64,
                    digest_table((enum row_kind)kind), product, f->after, product, f->up_to);
    }
}

static void digests_sql(struct text *sql, const struct fetch *f)
{
    if (f->kind == FETCH_RANGE_DIGEST) {
        text_str(sql, SQL_SNAPSHOT_ROW "SELECT 0, coalesce(bit_xor(part), 0), NULL FROM (");
        rows_sql(sql, f);
        text_str(sql, ") AS parts" SQL_IN_ORDER);
    } else {
        text_str(sql, SQL_SNAPSHOT_ROW "SELECT id, bit_xor(part), NULL FROM (");
        rows_sql(sql, f);
        /* Rows whose product is not there are shown nowhere. */
        text_str(sql, ") AS parts GROUP BY id HAVING bool_or(is_product)" SQL_IN_ORDER);
    }
}

static bool take_snapshot(const PGresult *result, struct fetch *f, struct error *e)
{
    struct snapshot snapshot;
    if (!snapshot_parse(PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2), &snapshot, e)) {
        return false;
    }
    f->stamp = stamp_make(f->era_index, snapshot_version(&snapshot));
    snapshot_fini(&snapshot);
    return true;
}

static bool take_digests(const PGresult *result, struct fetch *f, struct error *e)
{
    size_t count = (size_t)PQntuples(result) - 1;
    f->digests = malloc((count + 1) * sizeof *f->digests);
    if (!f->digests) {
        return error_set(e, ERROR_SYSTEM, "no memory for the digests of %zu products", count);
    }
    for (; f->digest_count < count; f->digest_count++) {
        int row = (int)f->digest_count + 1;
        f->digests[f->digest_count] = (struct digest){strtoll(PQgetvalue(result, row, 0), NULL, 10),
                                                      (uint64_t)strtoll(PQgetvalue(result, row, 1), NULL, 10)};
    }
    return true;
}

bool fetch_run_digests(struct fetcher *t, struct fetch *f, struct error *e)
{
    struct text sql = {0};
    digests_sql(&sql, f);
    PGresult *result = NULL;
    int64_t sent_us = clock_us();
    bool ok = sql.failed ? error_set(e, ERROR_SYSTEM, "no memory for a query") : pg_query(&t->pg, sql.at, &result, e);
    f->took_us = clock_us() - sent_us;
    text_fini(&sql);
    ok = ok && take_snapshot(result, f, e) && take_digests(result, f, e);
    PQclear(result);
    return ok;
}

bool fetch_run_row_counts(struct fetcher *t, struct fetch *f, struct error *e)
{
    struct text sql = {0};
    text_str(&sql, "SELECT sum(t::oid::bigint)::bigint, sum(pg_stat_get_tuples_inserted(t) +"
                   " pg_stat_get_tuples_updated(t) + pg_stat_get_tuples_deleted(t))::bigint,"
                   " pg_stat_get_tuples_inserted('feed.change_log'::regclass) -"
                   " pg_stat_get_tuples_updated('feed.change_log'::regclass) FROM unnest(ARRAY[");
    for (int kind = ROW_PRODUCT; kind < ROW_KINDS; kind++) {
        text_printf(&sql, "%s'%s'", kind == ROW_PRODUCT ? "" : ", ", digest_table((enum row_kind)kind));
    }
    text_str(&sql, "]::regclass[]) AS t");
    PGresult *result = NULL;
    bool ok = sql.failed ? error_set(e, ERROR_SYSTEM, "no memory for a query") : pg_query(&t->pg, sql.at, &result, e);
    text_fini(&sql);
    if (ok) {
        f->row_counts = (struct row_counts){.tables = strtoull(PQgetvalue(result, 0, 0), NULL, 10),
                                            .changed = strtoull(PQgetvalue(result, 0, 1), NULL, 10),
                                            .logged = strtoull(PQgetvalue(result, 0, 2), NULL, 10)};
    }
    PQclear(result);
    return ok;
}
