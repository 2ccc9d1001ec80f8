/* Options that are parsed again while the program runs. */
#include "base/log.h"
#include "base/option.h"

#include <string.h>

static bool is_string(const struct option_row *row)
{
    return row->kind == OPTION_STRING || row->kind == OPTION_FILE;
}

static size_t size_of(const struct option_row *row)
{
    return is_string(row) ? sizeof(char *) : row->kind == OPTION_INT ? sizeof(int64_t) : sizeof(bool);
}

static bool differs(const struct option_row *row, const void *a, const void *b)
{
    const void *left = (const char *)a + row->offset;
    const void *right = (const char *)b + row->offset;
    return is_string(row) ? strcmp(*(const char *const *)left, *(const char *const *)right) != 0
                          : memcmp(left, right, size_of(row)) != 0;
}

bool options_keep_strings(const struct option_table *table, const void *current, void *fresh, struct error *e)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if (option_is_live(table, row) && is_string(row) && differs(row, current, fresh)) {
            const char **value = (const char **)(void *)((char *)fresh + row->offset);
            *value = strdup(*value);
            if (!*value) {
                return error_set(e, ERROR_SYSTEM, "no memory for --%s", row->name);
            }
        }
    }
    return true;
}

size_t options_take_live(const struct option_table *table, void *current, const void *fresh)
{
    size_t taken = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if (!differs(row, current, fresh)) {
            continue;
        }
        if (option_is_live(table, row)) {
            memcpy((char *)current + row->offset, (const char *)fresh + row->offset, size_of(row));
            taken++;
        } else {
            log_warn("option_needs_restart", LOG_STR("option", row->name));
        }
    }
    return taken;
}
