#include "load/encode.h"

#include <inttypes.h>
#include <string.h>

/* The letter that stands for a byte after a backslash in COPY's text format, or 0. */
static char copy_escape(char c)
{
    switch (c) {
    case '\\':
        return '\\';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

static void copy_value(struct text *out, const struct value *value)
{
    size_t plain = 0; /* bytes since the last escape */
    if (value->null) {
        text_add(out, "\\N", 2);
        return;
    }
    for (size_t i = 0; i < value->len; i++) {
        const char escape = copy_escape(value->at[i]);
        if (escape) {
            text_add(out, value->at + i - plain, plain);
            text_add(out, (const char[]){'\\', escape}, 2);
            plain = 0;
        } else {
            plain++;
        }
    }
    text_add(out, value->at + value->len - plain, plain);
}

/* The longest decimal of a 64-bit number, without a sign. */
enum { DIGITS_MAX = 20 };

void encode_number(struct text *out, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text_add(out, digits + at, DIGITS_MAX - at);
}

void encode_copy(struct text *out, const struct table *table, const struct row *row)
{
    for (size_t c = 0; c < table->count; c++) {
        if (c > 0) {
            text_add(out, "\t", 1);
        }
        copy_value(out, &row->values[c]);
    }
    if (table->by_style) {
        text_add(out, "\t", 1);
        encode_number(out, (uint64_t)row->product_id);
    }
    text_add(out, "\n", 1);
}

void encode_copy_columns(struct text *out, const struct table *table)
{
    for (size_t c = 0; c < table->count; c++) {
        text_printf(out, "%s%s", c > 0 ? ", " : "", table->columns[c].name);
    }
    text_str(out, table->by_style ? ", product_id" : "");
}

void encode_csv_field(struct text *out, const char *at, size_t len)
{
    const char *quote;
    text_add(out, "\"", 1);
    while (len > 0 && (quote = memchr(at, '"', len)) != NULL) {
        const size_t upto = (size_t)(quote - at) + 1;
        text_add(out, at, upto);
        text_add(out, "\"", 1);
        at += upto;
        len -= upto;
    }
    text_add(out, at, len);
    text_add(out, "\"", 1);
}

void encode_csv(struct text *out, const struct table *table, const struct row *row)
{
    for (size_t c = 0; c < table->count; c++) {
        const struct value *value = &row->values[c];
        if (c > 0) {
            text_add(out, ",", 1);
        }
        if (value->null) {
            text_add(out, "null", 4);
        } else if (table->columns[c].kind == COLUMN_TEXT) {
            encode_csv_field(out, value->at, value->len);
        } else {
            text_add(out, value->at, value->len);
        }
    }
    text_add(out, "\n", 1);
}

void encode_csv_header(struct text *out, const struct table *table)
{
    for (size_t c = 0; c < table->count; c++) {
        text_printf(out, "%s%s", c > 0 ? "," : "", table->columns[c].legacy);
    }
    text_add(out, "\n", 1);
}
