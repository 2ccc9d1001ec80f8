/* One thread, one epoll loop: whoever waits for a file descriptor is a source. */
#pragma once
#include "base/error.h"
#include <stdint.h>

struct source {
    int fd;
    /* `now_us`: when the loop woke up. false: the measurement is over, and why. */
    bool (*ready)(struct source *source, int64_t now_us, struct error *e);
};

/* Also for a descriptor that has taken the place of a closed one. */
MUST_CHECK bool loop_add(int epoll, struct source *source, struct error *e);
