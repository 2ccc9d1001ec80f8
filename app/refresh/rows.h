/* The rows of one fetch: collected as they come from Postgres, then joined into products. All rows
 * of a fetch were read in one snapshot. Pure: no connection is needed.
 *
 * A row is nine columns in Postgres's binary format: kind, product id, two more ids, five texts
 * (see fetch_sql.h); what a kind does not use is 0 or NULL, and is not sent by COPY. */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "cache/snapshot.h"
#include "catalog/product.h"

enum { ROW_COLUMNS = 9, ROW_MAX_BYTES = 1 << 28 };

enum row_kind { ROW_SNAPSHOT, ROW_PRODUCT, ROW_FEATURE, ROW_STYLE, ROW_PHOTO, ROW_SKU, ROW_RELATED, ROW_KINDS };

struct field {
    const char *at; /* NULL: SQL's NULL */
    int32_t len;
};

/* One kind's rows. */
struct row_list {
    void *items;
    size_t count, cap;
};

struct rows {
    struct arena arena; /* owns all strings */
    struct row_list list[ROW_KINDS];
    struct snapshot snapshot; /* from the ROW_SNAPSHOT row */
    bool has_snapshot;
    struct row_list digests[ROW_KINDS]; /* one for each product with rows of the kind, in the order they came in */
    size_t orphans;                     /* rows that the last join left out */
};

void rows_clear(struct rows *r);
void rows_fini(struct rows *r);

/* Copies what it needs of the fields. */
MUST_CHECK bool rows_add(struct rows *r, const struct field fields[ROW_COLUMNS], struct error *e);
/* Splits a row of COPY's binary format (after the file header); `end` is set for the trailer. */
MUST_CHECK bool rows_split_copy(const char *bytes, size_t len, enum row_kind kind, struct field fields[ROW_COLUMNS],
                                bool *end, struct error *e);

/* The digest (refresh/digest.h) of all rows that carry this product's id. They must have come in the order that
 * rows_join needs. */
uint64_t rows_digest(const struct rows *r, int64_t product_id);

/* The products, by id, with their parts joined on; valid until rows_clear. Rows must have come ordered by (product id,
 * style id, id) within each kind. Parts whose product or style is not there (somebody wrote past the foreign keys) are
 * left out and counted in `orphans`: they must not keep other products from being served. */
MUST_CHECK bool rows_join(struct rows *r, const struct product **products, size_t *count, struct error *e);
