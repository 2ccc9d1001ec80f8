/* The header line of a legacy file: which field holds which column. Pure; any thread.
 *
 * A column is found by its name in the database or in the legacy header, whatever its case and whether words
 * are joined by `_`, a blank or nothing: productId, product_id, PRODUCT ID. A related row's own product is
 * current_product_id or product_id. Columns may stand in any order; others between them are not read. */
#pragma once
#include "base/error.h"
#include "load/csv.h"
#include "load/record.h"
#include "load/table.h"

struct header {
    bool present;                 /* false: the first line is a row already, columns in the table's order */
    struct record_rules rules;    /* what a row of this file looks like */
    size_t field_of[COLUMNS_MAX]; /* per column of the table, which field of a row */
    size_t unread;                /* fields that are no column of the table */
};

/* From the file's first line, without its line end and without a byte order mark. Fails with ERROR_DATA when a
 * column is missing or there twice, or when a file that must have a header starts with a row. */
MUST_CHECK bool header_read(const struct table *table, const char *line, size_t len, struct header *out,
                            struct error *e);
/* The length of a UTF-8 byte order mark at the start of the bytes: 3 or 0. */
size_t header_bom(const char *bytes, size_t len);
