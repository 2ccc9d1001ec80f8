/* The log: one JSON object a line on standard error, written by one write(2), so that lines of
 * several threads never mix. Any thread. Nothing waits for the log: a line that cannot be written at once (disk full,
 * pipe closed, or full because its reader has stopped) is dropped, and the next one that can is led by their number.
 *   log_info("feed_connected", LOG_STR("host", host), LOG_INT("port", 5432));            */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    const char *string; /* NULL: the number is meant */
    int64_t number;
};
#define LOG_STR(k, v) ((struct log_field){.key = (k), .string = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v)})

#define log_at(level, event, ...)                                                                                      \
    log_write(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)

void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* Appends to every line `"replica":"<name>"`; before other threads start. */
void log_set_replica(const char *name);
/* Lines below it are dropped. Any thread, any time. */
void log_set_level(enum log_level level);
/* "debug", "info", "warn", "error"; false for anything else. */
bool log_level_parse(const char *name, enum log_level *out);
