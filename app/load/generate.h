/* A made-up catalogue in the shapes of the inherited one, the same for the same seed. Knows nothing of where
 * the rows go. */
#pragma once
#include "base/error.h"
#include "load/progress.h"
#include "load/report.h"
#include "load/sink.h"

struct recipe {
    uint64_t seed;
    int64_t products; /* ids 1…products */
};

/* Product by product within each table, ids in order and without gaps. */
MUST_CHECK bool generate_rows(const struct recipe *recipe, struct sink *sink, struct progress *progress,
                              struct report *report, struct error *e);
