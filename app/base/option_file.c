#include "base/option_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 65536 };

static bool read_text(const char *path, char **text, struct error *e)
{
    FILE *f = fopen(path, "re");
    *text = f ? malloc(FILE_MAX + 1) : NULL;
    if (!*text) {
        error_errno(e, "the options file '%s' cannot be read", path);
        if (f) {
            fclose(f);
        }
        return false;
    }
    size_t len = fread(*text, 1, FILE_MAX + 1, f);
    bool failed = ferror(f) != 0;
    int saved = errno;
    fclose(f);
    errno = saved;
    if (failed) {
        return error_errno(e, "the options file '%s' cannot be read", path);
    }
    if (len > FILE_MAX || memchr(*text, '\0', len)) {
        return error_set(e, ERROR_USAGE, "the options file '%s' is no text of at most %d bytes", path, FILE_MAX);
    }
    (*text)[len] = '\0';
    return true;
}

static char *trim(char *at)
{
    while (isspace((unsigned char)*at)) {
        at++;
    }
    size_t len = strlen(at);
    while (len > 0 && isspace((unsigned char)at[len - 1])) {
        at[--len] = '\0';
    }
    return at;
}

/* Takes the quotes off, in place; NULL: it is not acceptable. */
static char *unquote(char *value)
{
    size_t len = strlen(value);
    char quote = *value;
    if (strchr(value, '\\')) {
        return NULL;
    }
    if (quote != '"' && quote != '\'') {
        return value;
    }
    if (len < 2 || strchr(value + 1, quote) != value + len - 1) {
        return NULL;
    }
    value[len - 1] = '\0';
    return value + 1;
}

static bool take_line(struct option_file *f, char *text, int number, struct error *e)
{
    char *line = trim(text);
    if (!*line || *line == '#' || *line == ';') {
        return true;
    }
    char *equals = strchr(line, '=');
    if (!equals) {
        return error_set(e, ERROR_USAGE, "%s line %d: '%.60s' is not NAME=value", f->path, number, line);
    }
    *equals = '\0';
    char *value = unquote(trim(equals + 1));
    if (!value) {
        return error_set(e, ERROR_USAGE,
                         "%s line %d: the value of %.60s has a backslash, or quotes not around all of it", f->path,
                         number, line);
    }
    if (f->count == OPTION_LINES_MAX) {
        return error_set(e, ERROR_USAGE, "%s line %d: at most %d options are accepted", f->path, number,
                         OPTION_LINES_MAX);
    }
    f->lines[f->count++] = (struct option_line){.name = line, .value = value, .number = number};
    return true;
}

bool option_file_read(const char *path, struct option_file *out, struct error *e)
{
    out->path = path;
    out->count = 0;
    if (!read_text(path, &out->text, e)) {
        return false;
    }
    int number = 1;
    for (char *next, *line = out->text; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (!take_line(out, line, number, e)) {
            return false;
        }
    }
    return true;
}
