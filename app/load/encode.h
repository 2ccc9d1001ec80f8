/* Rows as text: for COPY, and as the legacy files. Pure; any thread. */
#pragma once
#include "base/text.h"
#include "load/row.h"
#include "load/table.h"

/* One line of COPY's text format: the table's columns in order, then product_id where the table is by_style. */
void encode_copy(struct text *out, const struct table *table, const struct row *row);
/* The columns of encode_copy, as COPY names them. */
void encode_copy_columns(struct text *out, const struct table *table);

/* One line of a legacy file: text quoted, a missing value as the bare word null. */
void encode_csv(struct text *out, const struct table *table, const struct row *row);
void encode_csv_header(struct text *out, const struct table *table);
void encode_number(struct text *out, uint64_t number);
/* One field in quotes. */
void encode_csv_field(struct text *out, const char *at, size_t len);
