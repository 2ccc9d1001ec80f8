/* Options: one table that the parser, --help and the reference share. A value comes from the
 * command line (--name VALUE or --name=VALUE), else from the environment (PREFIX_NAME), else from a file of lines
 * PREFIX_NAME=value (where the table has an option that names one), else from the table. The main thread. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_STRING, /* const char * at offset; points at argv, the environment or the table */
    OPTION_INT,    /* int64_t at offset, min…max */
    OPTION_FILE,   /* const char * at offset: the file that options come from, too; empty: none. One a table */
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
    const char *const *live; /* names of those that can change while the program runs, then NULL; NULL: none can */
};

struct option_rest {
    char *words[16]; /* arguments that are not options, in order */
    size_t count;
    bool help;      /* --help was given */
    bool reference; /* --help-markdown was given */
    char *file;     /* malloc'ed text of the options' file, which strings may point into; NULL: none */
};

/* Fills the struct at `out` (whose fields the rows' offsets name). */
MUST_CHECK bool options_parse(const struct option_table *table, void *out, int argc, char **argv,
                              struct option_rest *rest, struct error *e);
/* Whether it can change while the program runs. */
bool option_is_live(const struct option_table *table, const struct option_row *row);
/* Parsed again while the program runs: copies the strings that are live and differ from `current`, so that nothing live
 * in `fresh` points into its file any more. A copy is never freed: whoever reads the value may have it in use. */
MUST_CHECK bool options_keep_strings(const struct option_table *table, const void *current, void *fresh,
                                     struct error *e);
/* Takes over from `fresh` what is live and differs, and returns how many these are. What differs and is not live is
 * logged by name, and stays as it is until a restart. */
size_t options_take_live(const struct option_table *table, void *current, const void *fresh);
void options_print_help(const struct option_table *table);
/* The same table as Markdown, for the reference. */
void options_print_reference(const struct option_table *table);
