/* What the operations port says: health, readiness, metrics and status. It only reads; where
 * nothing else is said, on the operations thread. */
#pragma once
#include "refresh/refresher.h"
#include "serve/server.h"

struct admin {
    const char *replica;
    _Atomic int64_t unproven_after_ms;
    _Atomic int64_t ready_unproven_max_ms; /* past this age of the newest proof it is not ready; 0: whatever its age */
    int64_t started_us;                    /* clock_us */
    struct cache *cache;
    const struct refresher *refresher;
    const struct server *server; /* set before it starts */
    struct reload_metrics {
        metric applied, refused;
    } reloads;
};

/* In one line, for people; true: /readyz says 200. Any thread. */
bool admin_describe(const struct admin *a, char *out, size_t size);
/* The context of each is a struct admin. */
extern const struct operations_route admin_routes[];
extern const size_t admin_route_count;

/* What /metrics says; and what it can say, as a table in Markdown: nothing has to be started. */
void admin_print_metrics(const struct admin *a, struct text *out);
void admin_print_metrics_table(struct admin *a, struct text *out);
