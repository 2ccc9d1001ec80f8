/* Rows as Postgres sends them, in COPY's binary format. */
#pragma once
#include "base/text.h"
#include "refresh/rows.h"

#include <endian.h>
#include <string.h>

struct copy_row {
    int64_t kind, id[3];
    const char *text[5]; /* NULL: SQL's NULL */
};

static inline void copy_field(struct text *out, const void *bytes, uint32_t len)
{
    uint32_t size = htobe32(len);
    text_add(out, &size, sizeof size);
    text_add(out, bytes, len);
}

/* How many ids and texts the kind has. */
static const struct {
    int ids, texts;
} copy_columns[ROW_KINDS] = {
    [ROW_SNAPSHOT] = {0, 1}, [ROW_PRODUCT] = {1, 5}, [ROW_FEATURE] = {2, 2}, [ROW_STYLE] = {3, 3},
    [ROW_PHOTO] = {3, 2},    [ROW_SKU] = {3, 2},     [ROW_RELATED] = {3, 0}};

static inline void copy_encode(struct text *out, const struct copy_row *row)
{
    static const uint32_t null = UINT32_MAX;
    int ids = copy_columns[row->kind].ids;
    int texts = copy_columns[row->kind].texts;
    uint16_t columns = htobe16((uint16_t)(ids + texts));
    text_add(out, &columns, sizeof columns);
    for (int i = 0; i < ids; i++) {
        uint64_t number = htobe64((uint64_t)row->id[i]);
        copy_field(out, &number, sizeof number);
    }
    for (int i = 0; i < texts; i++) {
        if (row->text[i]) {
            copy_field(out, row->text[i], (uint32_t)strlen(row->text[i]));
        } else {
            text_add(out, &null, sizeof null);
        }
    }
}

/* Encodes, splits and adds one row, from memory that is gone afterwards. */
static inline bool copy_add(struct rows *rows, const struct copy_row *row, struct error *e)
{
    struct text bytes = {0};
    struct field fields[ROW_COLUMNS];
    bool end;
    copy_encode(&bytes, row);
    bool ok = rows_split_copy(bytes.at, bytes.len, (enum row_kind)row->kind, fields, &end, e) && !end &&
              rows_add(rows, fields, e);
    text_fini(&bytes);
    return ok;
}
