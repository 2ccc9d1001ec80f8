/* Options: one table that the parser, --help and the reference share. A value comes from the
 * command line (--name VALUE or --name=VALUE), else from the environment (PREFIX_NAME), else from
 * the table. Parsed once, before threads start; afterwards only read. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_STRING, /* const char * at offset; points at argv, the environment or the table */
    OPTION_INT,    /* int64_t at offset, min…max */
    OPTION_FLAG,   /* bool at offset; takes no value on the command line, "1"/"0" in the environment */
};

struct option_row {
    const char *name; /* without the dashes */
    enum option_kind kind;
    size_t offset;
    const char *fallback; /* as text; NULL: empty string, or false */
    int64_t min, max;
    const char *value; /* what to print for the value in --help: "MS", "HOST:PORT" */
    const char *help;  /* one sentence */
};

struct option_table {
    const char *program;
    const char *usage;      /* after the program's name */
    const char *purpose;    /* one sentence */
    const char *env_prefix; /* "ATELIERD": option `log-level` is ATELIERD_LOG_LEVEL */
    const struct option_row *rows;
    size_t count;
};

struct option_rest {
    char *words[16]; /* arguments that are not options, in order */
    size_t count;
    bool help;      /* --help was given */
    bool reference; /* --help-markdown was given */
};

/* Fills the struct at `out` (whose fields the rows' offsets name). */
MUST_CHECK bool options_parse(const struct option_table *table, void *out, int argc, char **argv,
                              struct option_rest *rest, struct error *e);
void options_print_help(const struct option_table *table);
/* The same table as Markdown, for the reference. */
void options_print_reference(const struct option_table *table);
