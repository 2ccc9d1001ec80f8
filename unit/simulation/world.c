#include "simulation/world.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

struct world world;
uint64_t seen_count[SEEN_EVENTS];

/* splitmix64 (S. Vigna) */
uint64_t random_below(uint64_t n)
{
    uint64_t z = world.random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % n;
}

/* ---- base/clock.h and base/log.h ------------------------------------------------------------ */

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = world.now_us / 1000000, .tv_nsec = world.now_us % 1000000 * 1000};
    schedule_interrupt();
    return 0;
}

/* ---- the kernel: nobody waits, so nothing has to be woken ------------------------------------ */

int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    (void)count;
    (void)flags;
    return 1000;
}

ssize_t __wrap_read(int fd, void *at, size_t size);
ssize_t __wrap_read(int fd, void *at, size_t size)
{
    (void)fd;
    memset(at, 0, size);
    return (ssize_t)size;
}

ssize_t __wrap_write(int fd, const void *at, size_t size);
ssize_t __wrap_write(int fd, const void *at, size_t size)
{
    (void)fd;
    (void)at;
    return (ssize_t)size;
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
    (void)fd;
    return 0;
}

void world_pass(int64_t us)
{
    world.now_us += us;
    model_flush_if_due(&world.model, world.now_us);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    (void)level;
    schedule_interrupt();
    if (!world.verbose) {
        return;
    }
    printf("%12.3f ms    the refresher says %s", (double)world.now_us / 1000, event);
    for (; fields->key; fields++) {
        if (fields->string) {
            printf(", %s: %s", fields->key, fields->string);
        } else {
            printf(", %s: %" PRId64, fields->key, fields->number);
        }
    }
    putchar('\n');
}

/* ---- what is said --------------------------------------------------------------------------- */

void say(const char *format, ...)
{
    va_list args;
    if (!world.verbose) {
        return;
    }
    printf("%12.3f ms  ", (double)world.now_us / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void broken(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "schedule %" PRIu64 ", at %.3f ms: ", world.seed, (double)world.now_us / 1000);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  replay: simulation --seed %" PRIu64 " --verbose\n", world.seed);
    exit(world.planted ? 0 : 1);
}
