/* How late an event loop is: a timer that is due every LAG_EVERY_MS is one event among the others, and waits as they do
 * for the callbacks before it and for a processor. */
#pragma once
#include "base/metric.h"
#include "serve/event_loop.h"

enum { LAG_EVERY_MS = 100 };
extern const int64_t lag_bounds_us[HISTOGRAM_BUCKETS - 1];

/* On the loop's thread, before its first turn. Counts into `lag`, which outlives the loop; without a timer it does not.
 */
void loop_lag_watch(struct event_loop *loop, struct histogram *lag);
