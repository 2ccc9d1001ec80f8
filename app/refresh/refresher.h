/* The refresher: the write path's one thread. It reads the change feed, marks what changed, has it
 * fetched, publishes what came, and loads the whole catalogue at the start and whenever everything
 * may have changed. It alone writes the cache. */
#pragma once
#include "base/metric.h"
#include "cache/cache.h"
#include "cache/demand.h"
#include "refresh/recent.h"

struct refresher;

struct refresher_options {
    const char *conninfo;
    const char *replica;
    int64_t poll_ms;          /* the log is read at least this often, whatever was heard */
    int64_t reconnect_max_ms; /* between two attempts */
    int64_t connect_timeout_ms, statement_timeout_ms;
    int64_t fetchers;         /* threads, each with a connection */
    int64_t slice;            /* products read in one transaction while loading */
    int64_t loads_at_once;    /* of these transactions, by all replicas together */
    int64_t change_set_limit; /* changes in one log read beyond which all is loaded again */
    int64_t log_retention_s;
    int64_t audit_cycle_s;        /* how long a whole audit may take; 0: none */
    int64_t document_max;         /* bytes */
    int64_t duty_from_per_second; /* notifications heard, from which on it offers to notify for all writers; 0: never */
    int64_t heartbeat_ms;         /* of silence, after which it notifies; 0: never */
    int64_t canary_ms;            /* between two canaries (refresh/canary.h); 0: none */
};

struct refresh_metrics {
    metric log_reads, log_read_failures, changes, everything, notifications, reconnects, eras;
    metric published, again, old, absent, no_memory, fetches, fetch_failures, slices, loads, read_throughs, pruned;
    metric backlog, connected, connections, era, loading, load_waiting, load_products, load_expected;
    metric duty_on, duty_silent, duty_terms, duty_notifications, heartbeats, deaf;
    metric audit_checked, audit_inconsistent, audit_repaired, audit_ranges, audit_cycles, audit_alarms;
    metric resume_reads;
    metric canaries_shown, canaries_lost, notify_queue_ppm;
    struct histogram visible;                      /* of canaries: see canary_bounds_us */
    metric audit_cycle_seconds, audit_cycle_ended; /* the last one's: how long it took; seconds since 1970 */
};

MUST_CHECK bool refresher_new(struct refresher **out, const struct refresher_options *options, struct cache *cache,
                              struct demand *demand, struct error *e);
MUST_CHECK bool refresher_start(struct refresher *r, struct error *e);
/* Whether the catalogue does not fit into the cache's memory limit, found at the start: the process has been sent
 * SIGTERM, and shall end with this error. Any thread. */
bool refresher_refusal(const struct refresher *r, struct error *e);
/* Stops the thread and its fetchers, waits for them, frees. */
void refresher_free(struct refresher **refresher);

/* Any thread. */
const struct refresh_metrics *refresher_metrics(const struct refresher *r);
size_t refresher_recent(const struct refresher *r, struct recent_change out[RECENT_MAX]);
extern const struct metric_row refresh_metric_rows[];
extern const size_t refresh_metric_row_count;
