#include "load/record.h"

#include <string.h>

/* One line of the bytes from `at` on. */
struct line {
    size_t len;  /* without line end */
    size_t next; /* where the next line starts, counted from the first byte of all */
};

/* False: its end is not there yet. */
static bool find_line(const char *bytes, size_t at, size_t len, bool last, struct line *out)
{
    const char *end = memchr(bytes + at, '\n', len - at);
    if (!end && !last) {
        return false;
    }
    out->len = end ? (size_t)(end - bytes) - at : len - at;
    out->next = at + out->len + (end != NULL);
    if (out->len > 0 && bytes[at + out->len - 1] == '\r') {
        out->len--;
    }
    return true;
}

static bool is_blank(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* A line that is a row whatever stands before it. */
static bool stands_alone(const char *bytes, size_t len, const struct record_rules *rules)
{
    struct csv_row row;
    enum csv_end end = csv_split(bytes, len, &row);
    return row.count == rules->fields && (end == CSV_COMPLETE || end == CSV_OPEN) &&
           csv_is_digits(&row.fields[rules->id_field]);
}

enum joined { JOINED, NOT_JOINED, JOIN_NEEDS_MORE };

/* Follows a quoted value that is open at the end of the first line. */
static enum joined join_lines(const char *bytes, size_t len, bool last, const struct record_rules *rules,
                              const struct line *first, struct record *out)
{
    struct line line = *first;
    for (size_t lines = 2; lines <= RECORD_LINES_MAX && line.next <= RECORD_JOINED_MAX; lines++) {
        const size_t at = line.next;
        if (at == len && last) {
            return NOT_JOINED;
        }
        if (!find_line(bytes, at, len, last, &line)) {
            return len > RECORD_JOINED_MAX ? NOT_JOINED : JOIN_NEEDS_MORE;
        }
        if (stands_alone(bytes + at, line.len, rules)) {
            return NOT_JOINED;
        }
        enum csv_end end = csv_split(bytes, at + line.len, &out->row);
        if (end == CSV_COMPLETE && out->row.count == rules->fields) {
            out->len = at + line.len;
            out->consumed = line.next;
            out->lines = lines;
            return JOINED;
        }
        if (end != CSV_OPEN) {
            return NOT_JOINED;
        }
    }
    return NOT_JOINED;
}

static enum record_kind open_line(const char *bytes, size_t len, bool last, const struct record_rules *rules,
                                  const struct line *line, struct record *out)
{
    enum joined joined = join_lines(bytes, len, last, rules, line, out);
    if (joined != NOT_JOINED) {
        return joined == JOINED ? RECORD_ROW : RECORD_MORE;
    }
    /* joining has left other fields in the row */
    if (csv_split(bytes, line->len, &out->row) == CSV_OPEN && out->row.count == rules->fields) {
        return RECORD_REPAIRED;
    }
    reject(&out->why, REASON_QUOTE, "the quote that opens field %zu is not closed", out->row.count);
    return RECORD_REJECTED;
}

enum record_kind record_take(const char *bytes, size_t len, bool last, const struct record_rules *rules,
                             struct record *out)
{
    struct line line;
    if (!find_line(bytes, 0, len, last, &line)) {
        return RECORD_MORE;
    }
    out->consumed = line.next;
    out->len = line.len;
    out->lines = 1;
    switch (csv_split(bytes, line.len, &out->row)) {
    case CSV_OPEN:
        return open_line(bytes, len, last, rules, &line, out);
    case CSV_JUNK:
        reject(&out->why, REASON_QUOTE, "something other than a comma follows the closing quote of field %zu",
               out->row.count);
        return RECORD_REJECTED;
    case CSV_COMPLETE:
        break;
    }
    if (out->row.count == rules->fields) {
        return RECORD_ROW;
    }
    if (is_blank(bytes, line.len)) {
        return RECORD_BLANK;
    }
    reject(&out->why, REASON_FIELDS, "%zu%s fields; a row here has %zu",
           out->row.count > CSV_FIELDS_MAX ? (size_t)CSV_FIELDS_MAX : out->row.count,
           out->row.count > CSV_FIELDS_MAX ? " or more" : "", rules->fields);
    return RECORD_REJECTED;
}
