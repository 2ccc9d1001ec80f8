#include "serve/loop_lag.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

const int64_t lag_bounds_us[HISTOGRAM_BUCKETS - 1] = {50,    100,   250,    500,    1000,   2500,   5000,
                                                      10000, 25000, 100000, 250000, 500000, 1000000};

struct watch {
    struct histogram *lag;
    int64_t due_us; /* the timer's next moment */
};

/* It is due at fixed moments, so what was missed is late by more than what comes. */
static void on_timer(h2o_socket_t *timer, const char *err)
{
    struct watch *w = timer->data;
    uint64_t moments;
    if (err || read(h2o_socket_get_fd(timer), &moments, sizeof moments) != sizeof moments) {
        return;
    }
    histogram_add(w->lag, lag_bounds_us, clock_us() - w->due_us);
    w->due_us += (int64_t)moments * LAG_EVERY_MS * 1000;
}

void loop_lag_watch(struct event_loop *loop, struct histogram *lag)
{
    int64_t first_us = clock_us() + LAG_EVERY_MS * 1000;
    struct itimerspec every = {.it_value = {.tv_sec = first_us / 1000000, .tv_nsec = first_us % 1000000 * 1000},
                               .it_interval = {.tv_nsec = LAG_EVERY_MS * 1000000L}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &every, NULL) != 0) {
        log_warn("lag_not_measured", LOG_STR("error", strerror(errno)));
        return;
    }
    struct watch *w = h2o_mem_alloc(sizeof *w);
    *w = (struct watch){.lag = lag, .due_us = first_us};
    h2o_socket_t *timer = h2o_evloop_socket_create(loop->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    timer->data = w;
    h2o_socket_read_start(timer, on_timer);
}
