#include "refresh/duty_pace.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t pace_next_read_us(const struct pace *p, int64_t poll_us)
{
    int64_t wait_us = poll_us;
    if (p->on_duty) {
        /* An eighth longer than nothing was found for: never late by much more than that. */
        wait_us = larger(PACE_MIN_US + (p->sent_us - p->found_us) / 8, PACE_SHARE * p->took_us);
        wait_us = smaller(wait_us, PACE_MAX_US);
    } else if (p->silent) {
        wait_us = larger(PACE_DISTRUST_US, p->heard_us + PACE_SILENCE_US - p->sent_us);
    }
    return p->sent_us + smaller(wait_us, poll_us);
}

int64_t rate_sample(struct rate *r, uint64_t count, int64_t now_us)
{
    int64_t age_us = now_us - r->since_us;
    if (r->since_us && age_us < 1000000) {
        return -1;
    }
    int64_t per_second = r->since_us ? (int64_t)(count - r->count) * 1000000 / age_us : -1;
    *r = (struct rate){.since_us = now_us, .count = count};
    return per_second;
}
