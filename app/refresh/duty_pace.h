/* When the log is read next, and how often something happens. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_MIN_US = 1000,       /* between two reads of the one on duty, while it finds something … */
    PACE_SHARE = 4,           /* … and at least so many times what a read takes */
    PACE_MAX_US = 4000,       /* … and when it has not for a while */
    PACE_SILENCE_US = 100000, /* of the one on duty, after which the others do not rely on it: it says something
                               * every SIGN_US */
    PACE_DISTRUST_US = 2000,  /* between two reads of the others then */
    SIGN_US = 40000,
};

/* All times are clock_us. */
struct pace {
    int64_t sent_us;  /* the newest log read */
    int64_t took_us;  /* … from then to its answer */
    int64_t found_us; /* the newest one that found something */
    int64_t heard_us; /* the newest notification */
    bool silent;      /* writers do not notify */
    bool on_duty;     /* this replica does, for them */
};

/* When the next log read is to be sent, if nothing is heard. */
int64_t pace_next_read_us(const struct pace *p, int64_t poll_us);

/* Counts a second, from a counter that only grows. */
struct rate {
    int64_t since_us;
    uint64_t count;
};
/* -1 and nothing taken if the last sample is less than a second old, or was the first one. */
int64_t rate_sample(struct rate *r, uint64_t count, int64_t now_us);
