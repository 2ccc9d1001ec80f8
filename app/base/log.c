#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <poll.h>
#include <pthread.h>
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

static void add_line(struct text *line, enum log_level level, const char *event, const struct log_field *fields)
{
    add_time(line);
    add_string(line, "level", level_names[level]);
    if (replica_name) {
        add_string(line, "replica", replica_name);
    }
    add_string(line, "event", event);
    for (; fields->key; fields++) {
        if (fields->string) {
            add_string(line, fields->key, fields->string);
        } else {
            text_printf(line, ",\"%s\":%lld", fields->key, (long long)fields->number);
        }
    }
    text_str(line, "}\n");
}

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static size_t dropped; /* lines, since the last one that was written */

/* A pipe that takes anything takes PIPE_BUF bytes without blocking, if nobody else writes in between. */
static bool write_at_once(const struct text *line)
{
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    return !line->failed && poll(&log, 1, 0) == 1 && (log.revents & POLLOUT) &&
           write(STDERR_FILENO, line->at, line->len) == (ssize_t)line->len;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed)) {
        return;
    }
    struct text line = {0};
    struct text note = {0};
    add_line(&line, level, event, fields);
    pthread_mutex_lock(&writing);
    if (dropped > 0) {
        add_line(&note, LOG_WARN, "log_lines_dropped",
                 (const struct log_field[]){LOG_INT("lines", dropped), {.key = NULL}});
        dropped = write_at_once(&note) ? 0 : dropped;
    }
    dropped += !write_at_once(&line);
    pthread_mutex_unlock(&writing);
    text_fini(&note);
    text_fini(&line);
}
