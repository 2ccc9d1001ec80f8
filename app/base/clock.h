/* Time. Durations come from CLOCK_MONOTONIC, so a step of the wall clock changes nothing. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
/* Microseconds since some fixed moment. */
static inline int64_t clock_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}
static inline int64_t clock_ms(void)
{
    return clock_us() / 1000;
}
/* The same at a fifth of the price, for the read path; behind by a tick of the kernel at most. */
enum { CLOCK_COARSE_LAG_US = 10000 };
static inline int64_t clock_coarse_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC_COARSE);
}
/* Microseconds since 1970, for log lines only. */
static inline int64_t clock_wall_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}
