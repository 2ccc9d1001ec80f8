/* Records out of the bytes of a legacy CSV file, its damage understood. Pure; any thread.
 *
 * A row of these files is one line, nearly always. What is not:
 * - The closing quote of the last field is missing. The row ends with its line: repaired. A plain CSV reader
 *   swallows every row up to the next such line.
 * - A quoted value has line ends in it. The lines are joined, if that gives a whole row and none of the lines
 *   it swallows is a row by itself. Where both readings are possible, a line is a line. */
#pragma once
#include "load/csv.h"
#include "load/reason.h"

/* How far a quoted value is followed over line ends. */
enum { RECORD_LINES_MAX = 100, RECORD_JOINED_MAX = 64 * 1024 };

struct record_rules {
    size_t fields;   /* that a row has; at least 1 */
    size_t id_field; /* which of them is the row's id, from 0: a line is a row only with digits there */
};

enum record_kind {
    RECORD_MORE,  /* more bytes are needed to tell; never if `last` */
    RECORD_BLANK, /* a line of blanks, or no bytes at all: no row */
    RECORD_ROW,
    RECORD_REPAIRED, /* a row; a closing quote was added at the end of its line */
    RECORD_REJECTED
};

struct record {
    size_t consumed; /* bytes, with the line end */
    size_t len;      /* bytes, without it: the raw row */
    size_t lines;
    struct csv_row row;   /* RECORD_ROW and RECORD_REPAIRED: exactly rules->fields fields */
    struct rejection why; /* RECORD_REJECTED */
};

/* Takes the first record of `bytes`, which start at the start of a line; `last`: nothing comes after them.
 * Lines end in LF or CRLF; the last one need not. */
enum record_kind record_take(const char *bytes, size_t len, bool last, const struct record_rules *rules,
                             struct record *out);
