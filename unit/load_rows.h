/* A sink that keeps rows as text, one COPY line after another, for the tests of what makes rows. */
#pragma once
#include "load/encode.h"
#include "load/sink.h"

struct kept_rows {
    struct text lines[TABLES];
    size_t begun, ended;
    const struct table *fail_at; /* row() fails for it */
};

static bool keep_begin(void *to, const struct table *table, struct error *e)
{
    struct kept_rows *kept = to;
    (void)e;
    assert_ptr_equal(table, &tables[kept->begun++]);
    return true;
}

static bool keep_row(void *to, const struct table *table, const struct row *row, struct error *e)
{
    struct kept_rows *kept = to;
    if (table == kept->fail_at) {
        return error_set(e, ERROR_POSTGRES, "the sink is full");
    }
    encode_copy(&kept->lines[table - tables], table, row);
    return true;
}

static bool keep_end(void *to, const struct table *table, struct error *e)
{
    struct kept_rows *kept = to;
    (void)e;
    assert_ptr_equal(table, &tables[kept->ended++]);
    return true;
}

static struct sink keep_rows(struct kept_rows *kept)
{
    return (struct sink){.to = kept, .begin = keep_begin, .row = keep_row, .end = keep_end};
}

static void kept_rows_fini(struct kept_rows *kept)
{
    for (size_t t = 0; t < TABLES; t++) {
        text_fini(&kept->lines[t]);
    }
    *kept = (struct kept_rows){0};
}

static const char *kept(const struct kept_rows *rows, enum table_id table)
{
    return rows->lines[table].at ? rows->lines[table].at : "";
}
