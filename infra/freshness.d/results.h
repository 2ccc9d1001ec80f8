/* What a run has seen. All room is made before it begins, so that nothing is allocated while time is taken. Times are
 * clock_us; durations are microseconds. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { REPLICAS_MAX = 8, VIOLATIONS_KEPT = 100 };

struct write {
    int64_t id;
    int64_t due_us, sent_us, acked_us; /* acked 0: not yet */
};

struct sample {
    int64_t stamp;
    int replica;
    int64_t latency_us; /* commit acknowledged → first answer with the stamp; -1: never seen */
    int64_t
        gap_us; /* between sending that request and the one before, or the acknowledgement: how closely was looked */
    int64_t polls;
};

struct violation {
    int64_t stamp, age_us; /* commit acknowledged → the request was sent */
    int replica;
};

struct results {
    struct write *writes; /* in the order in which they were due; the stamp of the first is first_stamp, and so on */
    size_t write_count;
    int64_t first_stamp;

    struct sample *samples;
    size_t sample_count, sample_room;

    struct violation violation[VIOLATIONS_KEPT];
    uint64_t violations;                             /* answers that were too old and did not say so */
    uint64_t reads[REPLICAS_MAX];                    /* answered */
    uint64_t refused, admitted, reconnects, skipped; /* 503; marked or unproven; connections made anew; not followed */
    int64_t loop_max_us;                             /* the longest that one turn of the client's own loop took */
    int64_t began_us, ended_us;
};

MUST_CHECK bool results_init(struct results *r, size_t writes, size_t samples, struct error *e);
void results_add_violation(struct results *r, const struct violation *v);
void results_add_sample(struct results *r, const struct sample *s);
/* One line a fact, its name first. */
void results_print(const struct results *r, FILE *out);
void results_fini(struct results *r);
