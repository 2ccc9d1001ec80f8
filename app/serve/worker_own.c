/* What a worker has of its own and the request's steps use: counters and random numbers. */
#include "serve/worker.h"

static const int counted[STATUS_SLOTS - 1] = {200, 204, 304, 400, 404, 405, 406, 413, 414, 431, 500, 503};
const char *const status_slot_names[STATUS_SLOTS] = {"200", "204", "304", "400", "404", "405",  "406",
                                                     "413", "414", "431", "500", "503", "other"};

int status_slot(int status)
{
    int slot = 0;
    while (slot < STATUS_SLOTS - 1 && counted[slot] != status) {
        slot++;
    }
    return slot;
}

const int64_t duration_bounds_us[HISTOGRAM_BUCKETS - 1] = {10,   25,   50,    100,   250,    500,   1000,
                                                           2500, 5000, 10000, 50000, 100000, 250000};

void worker_count_request(struct worker *w, enum route route, int status, int64_t microseconds)
{
    struct route_metrics *m = &w->metrics.routes[route][status_slot(status)];
    metric_add_own(&m->requests, 1);
    histogram_add(&m->durations, duration_bounds_us, microseconds);
}

/* xoroshiro128+ (D. Blackman, S. Vigna, 2018): ids only have to be different. */
uint64_t worker_random(struct worker *w)
{
    uint64_t a = w->random[0];
    uint64_t b = w->random[1];
    uint64_t result = a + b;
    b ^= a;
    w->random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    w->random[1] = (b << 37) | (b >> 27);
    return result;
}
