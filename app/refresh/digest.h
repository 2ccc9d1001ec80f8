/* The digest of a product: 64 bits made of all rows that its documents are made of. Postgres computes the same from the
 * same rows in SQL, so that the audit compares what is served with what is there without moving rows.
 *
 * It is the XOR of one hash for each column of each row that is not NULL; so it does not depend on the order of rows,
 * and the digest of a range of products is the XOR of theirs. Texts are hashed with their row's id in the seed, numbers
 * are in the seed of the hash of their row's id; each column has a seed of its own. Rows that cannot be shown (their
 * style is not there) count too, for the product that their product id names.
 *
 * The hashes are Postgres's own, as of version 11, on a little-endian server: hashtextextended and hashint8extended.
 * Pure. */
#pragma once
#include "base/text.h"
#include "refresh/rows.h"

/* hashtextextended(text, seed), for every collation in which only equal bytes are equal. */
uint64_t digest_text(const void *bytes, size_t len, uint64_t seed);
/* hashint8extended(number, seed). */
uint64_t digest_int(int64_t number, uint64_t seed);

/* One row's part of its product's digest; never for ROW_SNAPSHOT. `id` and `text` are its columns as rows_add has them.
 */
uint64_t digest_row(enum row_kind kind, const int64_t id[3], const struct field text[5]);
/* The same as an SQL expression over the columns of the kind's table: a bigint, never NULL. */
void digest_row_sql(struct text *out, enum row_kind kind);
/* The kind's table, with its schema; the column that holds the product's id. */
const char *digest_table(enum row_kind kind);
const char *digest_product_column(enum row_kind kind);
