#include "base/option.h"

#include "base/option_file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void env_name(const struct option_table *table, const struct option_row *row, char out[96])
{
    int used = snprintf(out, 96, "%s_%s", table->env_prefix, row->name);
    for (int i = 0; i < used && i < 95; i++) {
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
    }
}

static bool set_int(const struct option_row *row, const char *from, const char *value, int64_t *out, struct error *e)
{
    char *end;
    errno = 0;
    int64_t number = strtoll(value, &end, 10);
    if (end == value || *end || errno == ERANGE || number < row->min || number > row->max) {
        return error_set(e, ERROR_USAGE, "%s: '%s' is not a whole number from %" PRId64 " to %" PRId64 " (%s)", from,
                         value, row->min, row->max, row->value);
    }
    *out = number;
    return true;
}

static bool set_flag(const char *from, const char *value, bool *out, struct error *e)
{
    if (strcmp(value, "1") != 0 && strcmp(value, "0") != 0) {
        return error_set(e, ERROR_USAGE, "%s: '%s' is neither 1 nor 0", from, value);
    }
    *out = *value == '1';
    return true;
}

/* `from` names where the value came from, for the error. */
static bool set(const struct option_row *row, void *out, const char *from, const char *value, struct error *e)
{
    char *field = (char *)out + row->offset;
    switch (row->kind) {
    case OPTION_STRING:
    case OPTION_FILE:
        *(const char **)(void *)field = value;
        return true;
    case OPTION_INT:
        return set_int(row, from, value, (int64_t *)(void *)field, e);
    case OPTION_FLAG:
        return set_flag(from, value, (bool *)field, e);
    }
    ENSURE(!"option kind");
    return false;
}

/* The last line of this name; NULL: there is none. */
static const struct option_line *find_line(const struct option_file *file, const char *name)
{
    for (size_t i = file->count; i > 0; i--) {
        if (strcmp(file->lines[i - 1].name, name) == 0) {
            return &file->lines[i - 1];
        }
    }
    return NULL;
}

/* From the environment, else from the file, else from the table. */
static bool set_default(const struct option_table *table, const struct option_row *row, const struct option_file *file,
                        void *out, struct error *e)
{
    char env[96];
    char from[512];
    env_name(table, row, env);
    const char *from_env = getenv(env);
    const struct option_line *line = find_line(file, env);
    if (from_env) {
        return set(row, out, env, from_env, e);
    }
    if (line) {
        snprintf(from, sizeof from, "%s line %d: %s", file->path, line->number, env);
        return set(row, out, from, line->value, e);
    }
    return set(row, out, row->name, row->fallback ? row->fallback : row->kind == OPTION_FLAG ? "0" : "", e);
}

static bool is_option(const struct option_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        char env[96];
        env_name(table, &table->rows[i], env);
        if (strcmp(name, env) == 0) {
            return table->rows[i].kind != OPTION_FILE;
        }
    }
    return false;
}

static bool set_defaults(const struct option_table *table, const struct option_file *file, void *out, struct error *e)
{
    for (size_t i = 0; i < file->count; i++) {
        if (!is_option(table, file->lines[i].name)) {
            return error_set(e, ERROR_USAGE, "%s line %d: '%.60s' is not an option that %s takes from a file",
                             file->path, file->lines[i].number, file->lines[i].name, table->program);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (!set_default(table, &table->rows[i], file, out, e)) {
            return false;
        }
    }
    return true;
}

static const struct option_row *find(const struct option_table *table, const char *name, size_t len)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strlen(table->rows[i].name) == len && memcmp(table->rows[i].name, name, len) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

/* Takes argv[*at], and the next word where the option needs one. */
static bool take(const struct option_table *table, void *out, int argc, char **argv, int *at, struct error *e)
{
    char *word = argv[*at];
    char *equals = strchr(word, '=');
    const struct option_row *row = find(table, word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));
    if (!row) {
        return error_set(e, ERROR_USAGE, "%s is not an option of %s; --help lists them", word, table->program);
    }
    const char *value = equals ? equals + 1 : NULL;
    if (!value && row->kind == OPTION_FLAG) {
        value = "1";
    }
    if (!value && ++*at < argc) {
        value = argv[*at];
    }
    if (!value) {
        return error_set(e, ERROR_USAGE, "--%s needs a value: %s", row->name, row->value);
    }
    return set(row, out, word, value, e);
}

static bool take_words(const struct option_table *table, void *out, int argc, char **argv, struct option_rest *rest,
                       struct error *e)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            rest->help = true;
        } else if (strcmp(argv[i], "--help-markdown") == 0) {
            rest->reference = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            if (!take(table, out, argc, argv, &i, e)) {
                return false;
            }
        } else if (rest->count == sizeof rest->words / sizeof *rest->words) {
            return error_set(e, ERROR_USAGE, "too many arguments, from '%s' on", argv[i]);
        } else {
            rest->words[rest->count++] = argv[i];
        }
    }
    return true;
}

/* The file that options come from, too; empty: none. */
static const char *options_file(const struct option_table *table, const void *out)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].kind == OPTION_FILE) {
            return *(const char *const *)(const void *)((const char *)out + table->rows[i].offset);
        }
    }
    return "";
}

static bool parse(const struct option_table *table, const struct option_file *file, void *out, int argc, char **argv,
                  struct option_rest *rest, struct error *e)
{
    *rest = (struct option_rest){.file = file->text};
    return set_defaults(table, file, out, e) && take_words(table, out, argc, argv, rest, e);
}

/* The file's name is an option, too: without it first. */
bool options_parse(const struct option_table *table, void *out, int argc, char **argv, struct option_rest *rest,
                   struct error *e)
{
    struct option_file file = {0};
    if (!parse(table, &file, out, argc, argv, rest, e)) {
        return false;
    }
    const char *path = options_file(table, out);
    if (*path && (!option_file_read(path, &file, e) || !parse(table, &file, out, argc, argv, rest, e))) {
        free(file.text);
        rest->file = NULL;
        return false;
    }
    return true;
}

bool option_is_live(const struct option_table *table, const struct option_row *row)
{
    for (const char *const *name = table->live; name && *name; name++) {
        if (strcmp(*name, row->name) == 0) {
            return true;
        }
    }
    return false;
}

void options_print_help(const struct option_table *table)
{
    printf("Usage: %s %s\n%s\n\nOptions (each also from the environment, as %s_NAME):\n", table->program, table->usage,
           table->purpose, table->env_prefix);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        char left[64];
        snprintf(left, sizeof left, "--%s %s", row->name, row->value ? row->value : "");
        printf("  %-34s %s.", left, row->help);
        if (row->fallback && *row->fallback) {
            printf(" Default: %s.", row->fallback);
        }
        printf("%s\n", option_is_live(table, row) ? " Changes on SIGHUP." : "");
    }
    printf("  %-34s %s\n", "--help", "This text.");
}

static void print_accepted(const struct option_row *row)
{
    if (row->kind == OPTION_INT) {
        printf("%" PRId64 "…%" PRId64, row->min, row->max);
    } else {
        printf("%s", row->value ? row->value : "flag");
    }
}

void options_print_reference(const struct option_table *table)
{
    bool live = table->live != NULL;
    printf("| option | environment | default | accepted |%s meaning |\n", live ? " SIGHUP |" : "");
    printf("|---|---|---|---|%s---|\n", live ? "---|" : "");
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        char env[96];
        env_name(table, row, env);
        printf("| `--%s` | `%s` | %s | ", row->name, env, row->fallback && *row->fallback ? row->fallback : "–");
        print_accepted(row);
        printf(" | %s%s |\n", !live ? "" : option_is_live(table, row) ? "changes | " : "– | ", row->help);
    }
}
