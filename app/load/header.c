#include "load/header.h"

#include <ctype.h>
#include <string.h>

size_t header_bom(const char *bytes, size_t len)
{
    return len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/* Letters and digits alone, in lower case: what spellings of one name have in common. */
static size_t squeeze(const char *at, size_t len, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < len && used < room; i++) {
        if (isalnum((unsigned char)at[i])) {
            out[used++] = (char)tolower((unsigned char)at[i]);
        }
    }
    return used;
}

static bool same_name(const struct csv_field *field, const char *name)
{
    char left[64];
    char right[64];
    size_t len = squeeze(field->at, field->len, left, sizeof left);
    return len == squeeze(name, strlen(name), right, sizeof right) && memcmp(left, right, len) == 0;
}

static bool names(const struct csv_field *field, const struct column *column)
{
    return same_name(field, column->name) || same_name(field, column->legacy);
}

static bool without_header(const struct table *table, struct header *out, struct error *e)
{
    if (!table->headerless) {
        return error_set(e, ERROR_DATA,
                         "line 1 is a row; this file must start with a header line that names its %zu columns",
                         table->count);
    }
    out->rules = (struct record_rules){.fields = table->count};
    for (size_t c = 0; c < table->count; c++) {
        out->field_of[c] = c;
    }
    return true;
}

static bool find_column(const struct column *column, const struct csv_row *row, size_t *out, struct error *e)
{
    size_t found = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (names(&row->fields[i], column)) {
            *out = i;
            found++;
        }
    }
    if (found == 1) {
        return true;
    }
    return error_set(
        e, ERROR_DATA,
        "the header line names column %s %s; it must be there once, as %s or %s, in any case, words joined "
        "by _, a blank or nothing",
        column->name, found ? "more than once" : "nowhere", column->name, column->legacy);
}

bool header_read(const struct table *table, const char *line, size_t len, struct header *out, struct error *e)
{
    struct csv_row row;
    *out = (struct header){0};
    if (csv_split(line, len, &row) != CSV_COMPLETE || row.count > CSV_FIELDS_MAX) {
        return error_set(e, ERROR_DATA, "line 1 is no header line: quotes that do not match, or more than %d fields",
                         CSV_FIELDS_MAX);
    }
    if (csv_is_digits(&row.fields[0])) {
        return without_header(table, out, e);
    }
    for (size_t c = 0; c < table->count; c++) {
        if (!find_column(&table->columns[c], &row, &out->field_of[c], e)) {
            return false;
        }
    }
    out->present = true;
    out->rules = (struct record_rules){.fields = row.count, .id_field = out->field_of[0]};
    out->unread = row.count - table->count;
    return true;
}
