/* CSV, split into fields. Pure: bytes in, fields out, nothing allocated; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { CSV_FIELDS_MAX = 64 };

/* Points into the bytes that were split. A bare field is without the blanks around it; a quoted one is what
 * stands between the quotes. */
struct csv_field {
    const char *at;
    size_t len;
    bool quoted;
    bool doubled; /* `""` stands for a quote in it: csv_unquote */
};

struct csv_row {
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count; /* may say CSV_FIELDS_MAX + 1: there were more, and they are not kept */
};

enum csv_end {
    CSV_COMPLETE,
    CSV_OPEN, /* the last field's quote is not closed; the field reaches to the end of the bytes */
    CSV_JUNK, /* something other than blanks stands between a closing quote and the next comma */
};

/* Splits one record, given without its line end. A field may be quoted or bare, with blanks (space, tab) on
 * either side; in quotes everything counts, also line ends; a quote inside a bare field is a plain character. */
enum csv_end csv_split(const char *bytes, size_t len, struct csv_row *out);

/* Copies a quoted field with each `""` made one quote; `out` has room for field->len bytes. The length. */
size_t csv_unquote(const struct csv_field *field, char *out);

/* The bare word null: a missing value. A quoted "null" is text. */
bool csv_is_null(const struct csv_field *field);
/* One digit or more, and nothing else. */
bool csv_is_digits(const struct csv_field *field);
