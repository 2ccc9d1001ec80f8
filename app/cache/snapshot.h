/* A Postgres snapshot, as pg_current_snapshot() prints it: xmin:xmax:xip,xip,… Pure. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

struct snapshot {
    uint64_t xmin; /* all transactions below it have ended */
    uint64_t xmax; /* no transaction from it on was visible */
    uint64_t *xip; /* ascending: were running, below xmax; malloc'ed */
    size_t running;
};

MUST_CHECK bool snapshot_parse(const char *text, size_t len, struct snapshot *out, struct error *e);
MUST_CHECK bool snapshot_copy(const struct snapshot *from, struct snapshot *out);
void snapshot_fini(struct snapshot *s);
/* Whether what the transaction wrote would be seen, if it committed. */
bool snapshot_sees(const struct snapshot *s, uint64_t xid);
/* V: xmax less the running ones. Snapshots of one primary form a chain, so V orders them. */
static inline uint64_t snapshot_version(const struct snapshot *s)
{
    return s->xmax - s->running;
}
