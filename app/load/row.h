/* A row as the database takes it, and the check that makes one from the fields of a record.
 * Pure but for the sets of ids, which grow; one thread at a time. */
#pragma once
#include "base/error.h"
#include "load/csv.h"
#include "load/id_map.h"
#include "load/reason.h"
#include "load/table.h"

struct value {
    const char *at;
    size_t len;
    bool null;
};

struct row {
    struct value values[COLUMNS_MAX]; /* in the table's order; a flag is "0" or "1" */
    int64_t product_id;               /* the product that shows the row */
};

/* What rows may point at, and what came before. */
struct references {
    struct id_set products;
    struct id_map styles;  /* style id → its product's id */
    struct id_set own;     /* ids of the table that is read, unless it is products or styles */
    struct id_set repeats; /* hashes of what the features say */
};

void references_fini(struct references *known);
/* Before the next table's rows: forgets what only the last one needed. */
void references_next(struct references *known);

enum row_verdict { ROW_KEPT, ROW_REJECTED, ROW_NO_MEMORY };

/* Checks the fields of one record against the table's columns and against what is known, and makes the row
 * known if it is kept. `field_of` says which field is which column. The row's values point into the fields or
 * into `scratch`, which has room for as many bytes as the fields together. */
enum row_verdict row_check(const struct table *table, const struct csv_field *fields, const size_t *field_of,
                           struct references *known, char *scratch, struct row *out, struct rejection *why);

/* Whether a kept feature says what another one of the same product said: exact repeats are kept (each has an
 * id of its own, and the old service showed them all), and counted. By hash: one in 10^7 imports of the
 * size known is off by one. */
MUST_CHECK enum id_added row_repeats(const struct row *feature, struct references *known);
