#include "cache/event_id.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

void snapshot_encode(const struct snapshot *s, struct text *out)
{
    text_printf(out, "%" PRIu64 ".%" PRIu64, s->xmin, s->xmax - s->xmin);
    uint64_t before = s->xmin;
    for (size_t i = 0; i < s->running; before = s->xip[i++]) {
        text_printf(out, ".%" PRIu64, s->xip[i] - before);
    }
}

/* A number of at most 63 bits, as all that Postgres takes for one. */
static bool take_number(const char **at, const char *end, uint64_t *out)
{
    return text_take_number(at, end, out) && *out <= INT64_MAX;
}

static bool take_char(const char **at, const char *end, char c)
{
    bool there = *at < end && **at == c;
    *at += there;
    return there;
}

static bool take_running(const char **at, const char *end, struct snapshot *s)
{
    uint64_t xid = s->xmin;
    while (take_char(at, end, '.')) {
        uint64_t step;
        if (!take_number(at, end, &step) || step >= s->xmax - xid || (s->running > 0 && step == 0)) {
            return false;
        }
        s->xip[s->running++] = xid += step;
    }
    return true;
}

/* `s` has nothing to free where it returns false. */
static bool take_snapshot(const char **at, const char *end, struct snapshot *s)
{
    uint64_t span;
    size_t most = (size_t)(end - *at) / 2 + 1; /* a dot and a digit each */
    if (!take_number(at, end, &s->xmin) || !take_char(at, end, '.') || !take_number(at, end, &span) ||
        span > INT64_MAX - s->xmin) {
        return false;
    }
    s->xmax = s->xmin + span;
    s->xip = malloc(most * sizeof *s->xip);
    if (!s->xip || !take_running(at, end, s)) {
        snapshot_fini(s);
        return false;
    }
    return true;
}

/* After the first snapshot: nothing, or the second one and the product. */
static bool take_rest(const char **at, const char *end, struct event_id *id)
{
    uint64_t product;
    if (*at == end) {
        return snapshot_copy(&id->from, &id->to);
    }
    if (!take_char(at, end, '-') || !take_snapshot(at, end, &id->to) || !take_char(at, end, '-') ||
        !take_number(at, end, &product) || product == 0) {
        return false;
    }
    id->product = (int64_t)product;
    return *at == end && snapshot_version(&id->from) <= snapshot_version(&id->to);
}

bool event_id_parse(const char *at, size_t len, struct event_id *out, struct error *e)
{
    const char *end = at + len;
    *out = (struct event_id){0};
    if (len <= EVENT_ID_MAX && take_number(&at, end, &out->era) && out->era > 0 && take_char(&at, end, '-') &&
        take_snapshot(&at, end, &out->from) && take_rest(&at, end, out)) {
        return true;
    }
    event_id_fini(out);
    return error_set(e, ERROR_DATA, "accepted: an id of an event, of at most %d bytes, as it was sent", EVENT_ID_MAX);
}

void event_id_fini(struct event_id *id)
{
    snapshot_fini(&id->from);
    snapshot_fini(&id->to);
}
