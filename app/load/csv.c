#include "load/csv.h"

#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* From after the opening quote. The position after the closing quote, or NULL: it never comes. */
static const char *take_quoted(const char *at, const char *end, struct csv_field *field)
{
    *field = (struct csv_field){.at = at, .quoted = true};
    for (const char *p = at; (p = memchr(p, '"', (size_t)(end - p))) != NULL; p += 2) {
        if (p + 1 == end || p[1] != '"') {
            field->len = (size_t)(p - at);
            return p + 1;
        }
        field->doubled = true;
    }
    field->len = (size_t)(end - at);
    return NULL;
}

static const char *take_bare(const char *at, const char *end, struct csv_field *field)
{
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *stop = comma ? comma : end;
    const char *last = stop;
    while (last > at && blank(last[-1])) {
        last--;
    }
    *field = (struct csv_field){.at = at, .len = (size_t)(last - at)};
    return stop;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && blank(*at)) {
        at++;
    }
    return at;
}

enum csv_end csv_split(const char *bytes, size_t len, struct csv_row *out)
{
    const char *end = bytes + len;
    out->count = 0;
    for (const char *at = bytes;; at++) {
        struct csv_field beyond;
        struct csv_field *field = out->count < CSV_FIELDS_MAX ? &out->fields[out->count] : &beyond;
        out->count += out->count <= CSV_FIELDS_MAX;
        at = skip_blanks(at, end);
        if (at < end && *at == '"') {
            at = take_quoted(at + 1, end, field);
            if (!at) {
                return CSV_OPEN;
            }
            at = skip_blanks(at, end);
        } else {
            at = take_bare(at, end, field);
        }
        if (at == end) {
            return CSV_COMPLETE;
        }
        if (*at != ',') {
            return CSV_JUNK;
        }
    }
}

size_t csv_unquote(const struct csv_field *field, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < field->len; i++) {
        out[len++] = field->at[i];
        i += field->at[i] == '"' && i + 1 < field->len; /* quotes come in pairs here */
    }
    return len;
}

bool csv_is_null(const struct csv_field *field)
{
    return !field->quoted && field->len == 4 && memcmp(field->at, "null", 4) == 0;
}

bool csv_is_digits(const struct csv_field *field)
{
    for (size_t i = 0; i < field->len; i++) {
        if (field->at[i] < '0' || field->at[i] > '9') {
            return false;
        }
    }
    return field->len > 0;
}
