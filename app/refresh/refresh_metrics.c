/* The write path's metrics, one row each. */
#include "refresh/refresher.h"

#define COUNTER(field, name, help)                                                                                     \
    {                                                                                                                  \
        "atelier_" name, NULL, METRIC_COUNTER, offsetof(struct refresh_metrics, field), help                           \
    }
#define GAUGE(field, name, help)                                                                                       \
    {                                                                                                                  \
        "atelier_" name, NULL, METRIC_GAUGE, offsetof(struct refresh_metrics, field), help                             \
    }

static const char canaries_help[] = "Canaries that were committed, and shown, or not shown for 10 s";
const struct metric_row refresh_metric_rows[] = {
    GAUGE(connected, "feed_connected", "1 while the change feed is connected to Postgres"),
    COUNTER(log_reads, "feed_log_reads_total", "Reads of the change log"),
    COUNTER(log_read_failures, "feed_log_read_failures_total", "Reads of the change log that failed"),
    COUNTER(notifications, "feed_notifications_total", "Notifications received"),
    COUNTER(changes, "feed_changes_total", "Changed products read from the change log"),
    COUNTER(everything, "feed_everything_total", "Times that everything was announced to have changed"),
    COUNTER(reconnects, "feed_reconnects_total", "Times that the feed was connected again after a loss"),
    COUNTER(heartbeats, "feed_heartbeats_total", "Notifications sent because nothing was heard for a while"),
    COUNTER(deaf, "feed_deaf_total", "Times that the feed was made again because it did not hear what was sent"),
    {"atelier_feed_canaries_total", "outcome=\"shown\"", METRIC_COUNTER,
     offsetof(struct refresh_metrics, canaries_shown), canaries_help},
    {"atelier_feed_canaries_total", "outcome=\"lost\"", METRIC_COUNTER, offsetof(struct refresh_metrics, canaries_lost),
     canaries_help},
    GAUGE(duty_on, "duty_on", "1 while this replica notifies for all writers"),
    GAUGE(duty_silent, "duty_writers_silent", "1 while writers do not notify, because somebody is on duty"),
    COUNTER(duty_terms, "duty_terms_total", "Times that this replica went on duty"),
    COUNTER(duty_notifications, "duty_notifications_total", "Notifications sent while on duty"),
    COUNTER(eras, "feed_eras_total", "Lives of Postgres seen by this replica"),
    COUNTER(pruned, "feed_pruned_total", "Change log rows that this replica had pruned"),
    GAUGE(connections, "postgres_connections", "Connections to Postgres that are open or being made"),
    GAUGE(backlog, "refresh_backlog", "Changed products that wait to be fetched, or are being fetched"),
    COUNTER(fetches, "postgres_fetches_total", "Fetches of single products sent to Postgres"),
    COUNTER(fetch_failures, "postgres_fetch_failures_total", "Fetches that failed"),
    COUNTER(published, "refresh_published_total", "Entries published"),
    COUNTER(absent, "refresh_absent_total", "Entries published that say that there is no such product"),
    COUNTER(again, "refresh_again_total", "Fetched entries dropped because a newer change was announced meanwhile"),
    COUNTER(old, "refresh_old_total", "Fetched entries dropped because the cache had something as new"),
    COUNTER(no_memory, "refresh_no_memory_total",
            "Fetched entries dropped because there was no memory to publish them"),
    COUNTER(read_throughs, "refresh_demanded_total", "Products that a request waited for"),
    GAUGE(loading, "load_running", "1 while the whole catalogue is being loaded"),
    COUNTER(loads, "load_completed_total", "Times that the whole catalogue was loaded"),
    COUNTER(slices, "load_slices_total", "Slices of the catalogue loaded"),
    GAUGE(load_waiting, "load_waiting", "1 while a load waits for other replicas' loads (--loads-at-once)"),
    GAUGE(load_products, "load_products", "Products that the running or last load has come to"),
    GAUGE(load_expected, "load_expected_products", "Products that there are by Postgres's statistics; 0: not known"),
    COUNTER(audit_checked, "audit_checked_total", "Products whose entry was compared with Postgres"),
    COUNTER(audit_inconsistent, "audit_inconsistent_total",
            "Products that were not as in Postgres though nothing had announced a change"),
    COUNTER(audit_repaired, "audit_repaired_total", "Inconsistent products that were fetched and published anew"),
    COUNTER(audit_ranges, "audit_ranges_total", "Ranges of products that the audit has finished"),
    COUNTER(audit_cycles, "audit_cycles_total", "Times that the audit has come round the whole catalogue"),
    COUNTER(audit_alarms, "audit_alarms_total",
            "Times that rows had changed in Postgres and the change log had not, so that the audit was hurried"),
    COUNTER(resume_reads, "events_log_reads_total",
            "Reads of the change log for those who follow events and were away"),
    GAUGE(audit_cycle_seconds, "audit_last_cycle_seconds", "How long the audit's last cycle took"),
    GAUGE(audit_cycle_ended, "audit_last_cycle_timestamp_seconds", "When the audit's last cycle ended, since 1970"),
};
const size_t refresh_metric_row_count = sizeof refresh_metric_rows / sizeof *refresh_metric_rows;
