#include "supervisor.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { STATUS_US = 500000, FEEDS = 4 }; /* between two lines of status; words a watchdog's time */

void supervisor_init(struct supervisor *s, const struct admin *admin)
{
    uint64_t usec = 0;
    *s = (struct supervisor){.admin = admin, .is_there = getenv("NOTIFY_SOCKET") != NULL};
    if (s->is_there && sd_watchdog_enabled(0, &usec) > 0) {
        s->watchdog_us = (int64_t)usec;
    }
}

/* Nothing is said while something is stuck: then the supervisor's patience runs out. */
static void feed_watchdog(struct supervisor *s, int64_t now)
{
    struct error e;
    if (s->watchdog_us > 0 && now - s->fed_us >= s->watchdog_us / FEEDS && server_turns_now(s->admin->server, &e)) {
        sd_notify(0, "WATCHDOG=1");
        s->fed_us = now;
    }
}

void supervisor_look(struct supervisor *s)
{
    char status[sizeof s->status];
    if (!s->is_there) {
        return;
    }
    int64_t now = clock_us();
    bool ready = admin_describe(s->admin, status, sizeof status);
    bool first = ready && !s->ready;
    if (first || (strcmp(status, s->status) != 0 && now - s->told_us >= STATUS_US)) {
        s->ready = s->ready || ready;
        s->told_us = now;
        memcpy(s->status, status, sizeof status);
        sd_notifyf(0, "%sSTATUS=%s", first ? "READY=1\n" : "", status);
    }
    feed_watchdog(s, now);
}

/* Before the first READY=1 it is starting, whatever else it does. */
void supervisor_reloading(const struct supervisor *s)
{
    if (s->is_there && s->ready) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_us());
    }
}

void supervisor_reloaded(const struct supervisor *s)
{
    if (s->is_there && s->ready) {
        sd_notify(0, "READY=1");
    }
}

void supervisor_stopping(const struct supervisor *s)
{
    if (s->is_there) {
        sd_notify(0, "STOPPING=1\nSTATUS=Draining");
    }
}
