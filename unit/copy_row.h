/* Rows as Postgres sends them: nine columns in COPY's binary format. */
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

static inline void copy_encode(struct text *out, const struct copy_row *row)
{
    static const uint32_t null = UINT32_MAX;
    uint16_t columns = htobe16(ROW_COLUMNS);
    text_add(out, &columns, sizeof columns);
    for (int i = 0; i < 4; i++) {
        uint64_t number = htobe64((uint64_t)(i == 0 ? row->kind : row->id[i - 1]));
        copy_field(out, &number, sizeof number);
    }
    for (int i = 0; i < 5; i++) {
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
    bool ok = rows_split_copy(bytes.at, bytes.len, fields, &end, e) && !end && rows_add(rows, fields, e);
    text_fini(&bytes);
    return ok;
}
