/* Duty: when many writers write, one replica reads the log every millisecond and notifies for all of them, because a
 * notification is dear in a writer's commit. And the heartbeat: when nobody has notified for a while, somebody does, so
 * that a feed that hears nothing is known to be deaf. Its connection also sends the canaries, and asks how full
 * Postgres's queue of notifications is.
 *
 * A thread with a connection of its own; the refresher talks to it by atomics and never waits for it. Nothing but speed
 * depends on duty: every replica reads the log every --poll-ms whatever it hears. Why going on and off duty loses no
 * change: ARCHITECTURE.md, "Duty". */
#pragma once
#include "refresh/canary.h"
#include "refresh/change_feed.h"
#include "refresh/refresher.h"

struct duty_options {
    const struct pg_options *pg;
    struct refresh_metrics *metrics;
    int64_t reconnect_max_ms;
    int64_t from_per_second; /* notifications heard, from which on this replica offers to go on duty; 0: never */
    int64_t heartbeat_ms;    /* of silence, after which it notifies; 0: never */
    struct canary *canary;
    int64_t canary_ms; /* between two; 0: none */
};

struct duty;

MUST_CHECK bool duty_new(struct duty **out, const struct duty_options *options, struct error *e);
MUST_CHECK bool duty_start(struct duty *d, struct error *e);
/* Waits for the thread; options.pg->stop_fd must be readable. Off duty at once: what was silent is found by polling. */
void duty_free(struct duty **duty);

/* ---- the refresher; none of these waits ---- */
/* The feed has begun to listen. */
void duty_listening(struct duty *d);
void duty_heard(struct duty *d, size_t notifications);
/* A read of the log succeeded: the others are told, if it found something and this replica is on duty. */
void duty_log_read(struct duty *d, const struct changes *c);
/* When to read the log again, if nothing is heard; clock_us. */
int64_t duty_next_read_us(const struct duty *d, int64_t poll_us);
/* On duty the log is read by the clock, and hearing one's own notifications is no reason to. */
bool duty_is_on(const struct duty *d);
/* Whether the feed has not heard what was certainly sent. Ask after taking in what has arrived; if so connect again. */
bool duty_feed_is_deaf(const struct duty *d, int64_t now_us);
