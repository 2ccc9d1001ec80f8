/* A file of options: lines NAME=value, as systemd's EnvironmentFile= reads them, but for backslashes, which are
 * refused. Empty lines and those that begin with # or ; are passed over; a value may stand in quotes. */
#pragma once
#include "base/error.h"
#include <stddef.h>

enum { OPTION_LINES_MAX = 256 };

struct option_line {
    const char *name, *value; /* in the file's text */
    int number;
};

struct option_file {
    const char *path;
    char *text; /* malloc'ed */
    size_t count;
    struct option_line lines[OPTION_LINES_MAX];
};

/* `path` must outlive it. The error names the line. The caller frees out->text, also after an error. */
MUST_CHECK bool option_file_read(const char *path, struct option_file *out, struct error *e);
