#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int threshold = LOG_INFO;
static const char *replica_name;

void log_set_replica(const char *name)
{
    replica_name = name;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void add_time(struct text *line)
{
    int64_t us = clock_wall_us();
    time_t seconds = us / 1000000;
    struct tm utc;
    char stamp[32];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    text_printf(line, "{\"time\":\"%s.%06dZ\"", stamp, (int)(us % 1000000));
}

static void add_string(struct text *line, const char *key, const char *value)
{
    text_printf(line, ",\"%s\":", key);
    text_json(line, value, strlen(value));
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed)) {
        return;
    }
    struct text line = {0};
    add_time(&line);
    add_string(&line, "level", level_names[level]);
    if (replica_name) {
        add_string(&line, "replica", replica_name);
    }
    add_string(&line, "event", event);
    for (; fields->key; fields++) {
        if (fields->string) {
            add_string(&line, fields->key, fields->string);
        } else {
            text_printf(&line, ",\"%s\":%lld", fields->key, (long long)fields->number);
        }
    }
    text_str(&line, "}\n");
    /* A log that cannot be written (disk full, closed pipe) must not stop the service. */
    if (!line.failed && write(STDERR_FILENO, line.at, line.len) < 0) {
        /* nowhere left to say it */
    }
    text_fini(&line);
}
