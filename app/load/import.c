#include "load/import.h"

#include "load/header.h"
#include "load/input.h"
#include "load/record.h"
#include "load/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct import {
    struct sink *sink;
    struct rejects *rejects;
    struct progress *progress;
    struct report *report;
    struct references known;
    char *scratch; /* INPUT_BUFFER bytes: as long as the longest record */
    /* the table at hand */
    const struct table *table;
    struct tally *tally;
    struct input in;
    struct header header;
};

static void list_names(const struct table *table, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < FILE_NAMES_MAX && table->files[i]; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? " or " : "", table->files[i]);
    }
}

/* The one file in the directory that has one of the table's names. */
static bool find_file(const char *directory, const struct table *table, char path[PATH_BYTES], const char **name,
                      struct error *e)
{
    char accepted[128];
    *name = NULL;
    list_names(table, accepted, sizeof accepted);
    for (size_t i = 0; i < FILE_NAMES_MAX && table->files[i]; i++) {
        char candidate[PATH_BYTES];
        const int len = snprintf(candidate, sizeof candidate, "%s/%s", directory, table->files[i]);
        if (len >= PATH_BYTES || access(candidate, F_OK) != 0) {
            continue;
        }
        if (*name) {
            return error_set(e, ERROR_DATA, "%s has both %s and %s; which one is meant?", directory, *name,
                             table->files[i]);
        }
        *name = table->files[i];
        memcpy(path, candidate, (size_t)len + 1);
    }
    return *name ? true : error_set(e, ERROR_DATA, "%s has no file %s", directory, accepted);
}

static bool find_files(const char *directory, struct report *report, char paths[TABLES][PATH_BYTES], struct error *e)
{
    for (size_t t = 0; t < TABLES; t++) {
        if (!find_file(directory, &tables[t], paths[t], &report->tallies[t].file, e)) {
            return false;
        }
    }
    return true;
}

static size_t available(const struct import *run)
{
    return run->in.end - run->in.start;
}

static const char *bytes(const struct import *run)
{
    return run->in.buffer + run->in.start;
}

/* Leaves the input at the first row. */
static bool take_header(struct import *run, struct error *e)
{
    struct input *in = &run->in;
    while (!memchr(bytes(run), '\n', available(run)) && !in->ended) {
        if (!input_more(in, e)) {
            return false;
        }
    }
    input_take(in, header_bom(bytes(run), available(run)), 0);
    const char *newline = memchr(bytes(run), '\n', available(run));
    size_t len = newline ? (size_t)(newline - bytes(run)) : available(run);
    const size_t whole = len + (newline != NULL);
    if (len > 0 && bytes(run)[len - 1] == '\r') {
        len--;
    }
    if (!header_read(run->table, bytes(run), len, &run->header, e)) {
        return false;
    }
    run->tally->unread = (int64_t)run->header.unread;
    if (run->header.present) {
        input_take(in, whole, 1);
    }
    return true;
}

static void count_rejected(struct import *run, const struct record *record, const struct rejection *why)
{
    run->tally->rejected++;
    run->tally->reasons[why->reason]++;
    rejects_add(run->rejects, run->tally->file, run->in.line, why, bytes(run), record->len);
}

static bool no_memory(struct error *e)
{
    return error_set(e, ERROR_SYSTEM, "no memory for more ids");
}

static bool keep_row(struct import *run, enum record_kind kind, const struct row *row, struct error *e)
{
    run->tally->kept++;
    run->tally->repaired += kind == RECORD_REPAIRED;
    if (run->table == &tables[TABLE_FEATURES]) {
        enum id_added added = row_repeats(row, &run->known);
        if (added == ID_NO_MEMORY) {
            return no_memory(e);
        }
        run->report->repeats += added == ID_PRESENT;
    }
    return run->sink->row(run->sink->to, run->table, row, e);
}

static bool take_row(struct import *run, enum record_kind kind, const struct record *record, struct error *e)
{
    struct row row;
    struct rejection why;
    switch (row_check(run->table, record->row.fields, run->header.field_of, &run->known, run->scratch, &row, &why)) {
    case ROW_KEPT:
        return keep_row(run, kind, &row, e);
    case ROW_REJECTED:
        count_rejected(run, record, &why);
        return true;
    case ROW_NO_MEMORY:
        break;
    }
    return no_memory(e);
}

static bool take_record(struct import *run, enum record_kind kind, const struct record *record, struct error *e)
{
    switch (kind) {
    case RECORD_MORE:
        return input_more(&run->in, e);
    case RECORD_BLANK:
        break;
    case RECORD_REJECTED:
        run->tally->read++;
        count_rejected(run, record, &record->why);
        break;
    case RECORD_ROW:
    case RECORD_REPAIRED:
        run->tally->read++;
        if (!take_row(run, kind, record, e)) {
            return false;
        }
        break;
    }
    input_take(&run->in, record->consumed, record->lines);
    progress_at(run->progress, run->in.taken, run->tally->read);
    return true;
}

static bool take_rows(struct import *run, struct error *e)
{
    struct record record = {0};
    while (available(run) > 0 || !run->in.ended) {
        enum record_kind kind = record_take(bytes(run), available(run), run->in.ended, &run->header.rules, &record);
        if (!take_record(run, kind, &record, e)) {
            return false;
        }
    }
    if (run->tally->read > 0 && run->tally->kept == 0) {
        return error_set(e, ERROR_DATA, "none of its %" PRId64 " rows is accepted; see %s", run->tally->read,
                         run->rejects->path);
    }
    return true;
}

static bool import_file(struct import *run, const char *path, struct error *e)
{
    if (!input_open(&run->in, path, e)) {
        return false;
    }
    progress_begin(run->progress, run->tally->file, run->in.size);
    references_next(&run->known);
    bool done = take_header(run, e) && run->sink->begin(run->sink->to, run->table, e) && take_rows(run, e) &&
                run->sink->end(run->sink->to, run->table, e);
    if (done) {
        progress_at(run->progress, run->in.taken, run->tally->read);
        progress_end(run->progress);
    }
    input_close(&run->in);
    return done;
}

/* The error, led by the file it is about. */
static bool blame(struct error *e, const char *file)
{
    struct error cause = *e;
    return error_set(e, cause.code, "%s: %s", file, cause.text);
}

static bool import_all(struct import *run, char paths[TABLES][PATH_BYTES], struct error *e)
{
    for (size_t t = 0; t < TABLES; t++) {
        run->table = &tables[t];
        run->tally = &run->report->tallies[t];
        if (!import_file(run, paths[t], e)) {
            return blame(e, run->tally->file);
        }
    }
    return true;
}

bool import_files(const char *directory, struct sink *sink, struct rejects *rejects, struct progress *progress,
                  struct report *report, struct error *e)
{
    char paths[TABLES][PATH_BYTES];
    struct import run = {.sink = sink, .rejects = rejects, .progress = progress, .report = report};
    *report = (struct report){0};
    if (!find_files(directory, report, paths, e)) {
        return false;
    }
    run.scratch = malloc(INPUT_BUFFER);
    bool done = run.scratch ? import_all(&run, paths, e) : no_memory(e);
    free(run.scratch);
    references_fini(&run.known);
    return done;
}
