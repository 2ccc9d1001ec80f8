/* The SQL of duty, in one place: a test reads it from here and drives the same protocol at full speed. Advisory lock
 * (1635018092, 3), held exclusively or waited for, keeps writers silent (feed.wake() tries it shared); (1635018092, 4)
 * is held by the one replica that may ask for it. Both end with the session. */
#pragma once

/* Whether writers are silent. Part of each log read. */
#define DUTY_IS_SILENT                                                                                                 \
    "CASE WHEN pg_try_advisory_lock_shared(1635018092, 3) THEN NOT pg_advisory_unlock_shared(1635018092, 3)"           \
    " ELSE true END"

/* What the session of a replica sets first: its commits need not be on the disk, and its one wait for a lock is short,
 * because a statement that waits holds back the vacuum horizon. */
#define DUTY_SESSION "SET synchronous_commit = off; SET lock_timeout = '250ms'"

/* At most one replica; true for the one. While it is, Postgres ends its session if nothing comes over it: a replica
 * that was stopped, or cut off, does not keep writers silent. It notifies more often than that. */
#define DUTY_ELECT                                                                                                     \
    "SELECT CASE WHEN pg_try_advisory_lock(1635018092, 4)"                                                             \
    " THEN set_config('idle_session_timeout', '2s', false) IS NOT NULL ELSE false END"
/* The blocking call: a try would starve under load. From the moment that it waits writers are silent. */
#define DUTY_SILENCE "SELECT pg_advisory_lock(1635018092, 3)"
#define DUTY_SPEAK "SELECT pg_advisory_unlock(1635018092, 3)"
/* Sent after DUTY_SPEAK was answered: larger than the number of every transaction that was kept silent. */
#define DUTY_BOUND "SELECT pg_current_xact_id()::text"
#define DUTY_RESIGN                                                                                                    \
    "SELECT pg_advisory_unlock(1635018092, 4) AND set_config('idle_session_timeout', '0', false) IS NOT NULL"

#define DUTY_NOTIFY "NOTIFY atelier_changes"

/* Whether this schema has canaries (refresh/canary.h) at all; and one of them. */
#define DUTY_HAS_CANARY "SELECT to_regprocedure('feed.canary(bigint)') IS NOT NULL"
#define DUTY_CANARY "SELECT feed.canary($1)"

/* In millionths. */
#define DUTY_QUEUE "SELECT (pg_notification_queue_usage() * 1000000)::bigint::text"
