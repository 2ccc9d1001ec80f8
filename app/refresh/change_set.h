/* The change set: slots whose product must be fetched, in the order in which that is worth most.
 * Pure; the refresher's only. A slot is in one queue at most, linked through itself. */
#pragma once
#include "cache/cache.h"

enum urgency {
    URGENCY_NONE,
    URGENCY_WAITED, /* a request waits for it */
    URGENCY_READ,   /* read since it was last published */
    URGENCY_REST,
    URGENCY_ABSENT,   /* not to be fetched: says "no such product", and is forgotten after a while */
    URGENCY_LEFT_OUT, /* not to be fetched: there is no room for its documents */
    URGENCIES
};

struct change_set {
    struct slot *head[URGENCIES], *tail[URGENCIES];
    size_t count[URGENCIES];
};

/* Puts it at the end of the queue, out of any other it was in. */
void change_set_put(struct change_set *set, struct slot *slot, enum urgency urgency);
void change_set_drop(struct change_set *set, struct slot *slot);
/* The next one to fetch that is as urgent as `last` at least and no more so than `first`, taken out; NULL: none. */
struct slot *change_set_take(struct change_set *set, enum urgency first, enum urgency last);
/* How many are to be fetched. */
size_t change_set_backlog(const struct change_set *set);
