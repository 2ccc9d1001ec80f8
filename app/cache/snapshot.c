#include "cache/snapshot.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Reads a number up to `stop` (or the end); false if there is none, or it does not fit. */
static bool take_number(const char **at, const char *end, char stop, uint64_t *out)
{
    if (!text_take_number(at, end, out) || (*at < end && **at != stop)) {
        return false;
    }
    *at += *at < end;
    return true;
}

static bool parse(const char *text, size_t len, struct snapshot *s)
{
    const char *at = text;
    const char *end = text + len;
    if (!take_number(&at, end, ':', &s->xmin) || !take_number(&at, end, ':', &s->xmax) || s->xmin > s->xmax ||
        end[-1] == ',' || memchr(text, ':', len) == memrchr(text, ':', len)) {
        return false;
    }
    uint64_t before = 0;
    while (at < end) {
        uint64_t xid;
        if (!take_number(&at, end, ',', &xid) || xid < s->xmin || xid >= s->xmax || (s->running && xid <= before)) {
            return false;
        }
        before = s->xip[s->running++] = xid;
    }
    return true;
}

bool snapshot_parse(const char *text, size_t len, struct snapshot *out, struct error *e)
{
    size_t commas = 0;
    for (size_t i = 0; i < len; i++) {
        commas += text[i] == ',';
    }
    *out = (struct snapshot){.xip = malloc((commas + 1) * sizeof *out->xip)};
    if (!out->xip) {
        return error_set(e, ERROR_SYSTEM, "no memory for a snapshot with %zu transactions", commas + 1);
    }
    if (!parse(text, len, out)) {
        snapshot_fini(out);
        return error_set(e, ERROR_POSTGRES, "'%.*s' is not a snapshot (xmin:xmax:xip,…)", (int)(len < 80 ? len : 80),
                         text);
    }
    return true;
}

bool snapshot_copy(const struct snapshot *from, struct snapshot *out)
{
    *out = *from;
    out->xip = malloc((from->running + 1) * sizeof *out->xip);
    if (!out->xip) {
        return false;
    }
    if (from->running) {
        memcpy(out->xip, from->xip, from->running * sizeof *out->xip);
    }
    return true;
}

void snapshot_fini(struct snapshot *s)
{
    free(s->xip);
    *s = (struct snapshot){0};
}

bool snapshot_sees(const struct snapshot *s, uint64_t xid)
{
    if (xid < s->xmin || xid >= s->xmax) {
        return xid < s->xmin;
    }
    size_t low = 0;
    size_t high = s->running;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->xip[middle] == xid) {
            return false;
        }
        if (s->xip[middle] < xid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return true;
}
