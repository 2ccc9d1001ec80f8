/* The last changes that can be read here, for people to look at. Written by the refresher, read by any thread. */
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum { RECENT_MAX = 12 };

struct recent_change {
    int64_t id; /* 0: everything may have changed */
    int64_t us; /* clock_us of the newest log read by then */
};

struct recent {
    pthread_mutex_t mutex;
    struct recent_change at[RECENT_MAX];
    size_t count; /* all that there were; the next one's place is count % RECENT_MAX */
};

void recent_init(struct recent *r);
void recent_add(struct recent *r, int64_t us, const int64_t *ids, size_t count);
/* The newest first; how many. */
size_t recent_copy(struct recent *r, struct recent_change out[RECENT_MAX]);
