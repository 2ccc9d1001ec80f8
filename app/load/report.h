/* What became of each file's rows, and the file of the rejected ones. */
#pragma once
#include "base/error.h"
#include "load/reason.h"
#include "load/table.h"
#include <stdint.h>
#include <stdio.h>

/* read = kept + rejected; repaired rows are kept ones. */
struct tally {
    const char *file; /* its name, or the table's where no file is read; borrowed */
    int64_t read, kept, repaired, rejected;
    int64_t reasons[REASONS];
    int64_t unread; /* columns of its header that the database does not have */
};

struct report {
    struct tally tallies[TABLES];
    int64_t repeats; /* features that were kept although they repeat another one */
    int64_t elapsed_ms;
};

/* The table at the end, and under it why rows were rejected, and where they are. `rejects_path` may be NULL. */
void report_print(const struct report *report, const char *rejects_path, FILE *out);

/* Rejected rows as CSV: file, line, reason, row. */
struct rejects {
    FILE *out;
    const char *path; /* borrowed */
};

/* Makes the file, or empties it. */
MUST_CHECK bool rejects_open(struct rejects *rejects, const char *path, struct error *e);
void rejects_add(struct rejects *rejects, const char *file, uint64_t line, const struct rejection *why, const char *row,
                 size_t len);
/* Fails if any of it could not be written. Does nothing on one that is not open. */
MUST_CHECK bool rejects_close(struct rejects *rejects, struct error *e);
