/* What a supervisor such as systemd is told while the program runs (sd_notify: readiness, status, watchdog). Without
 * NOTIFY_SOCKET in the environment nothing is. The main thread only. */
#pragma once
#include "admin/admin.h"

struct supervisor {
    const struct admin *admin;
    bool is_there;
    int64_t watchdog_us; /* how often it wants to be told that all turns; 0: it does not */
    bool ready;          /* it has been told */
    int64_t fed_us, told_us;
    char status[160]; /* as told last */
};

/* `admin` must outlive it. */
void supervisor_init(struct supervisor *s, const struct admin *admin);
/* Tells what is to be told by now: call it about ten times a second. */
void supervisor_look(struct supervisor *s);
/* Around a reload. */
void supervisor_reloading(const struct supervisor *s);
void supervisor_reloaded(const struct supervisor *s);
void supervisor_stopping(const struct supervisor *s);
