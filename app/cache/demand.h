/* Demand: what readers wait for, and the word that it may have come. Read path → write path: ids.
 * Write path → read path: one call a batch. It lets both sides work together without either
 * knowing the other. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum { DEMAND_WATCHERS_MAX = 256 };

struct demand;

MUST_CHECK bool demand_new(struct demand **out, struct error *e);
void demand_free(struct demand **demand);

/* ---- readers ---- */
/* Before threads start: `news` is called on the refresher's thread after it published or applied something;
 * it must only pass the word on. */
void demand_watch(struct demand *d, void (*news)(void *context), void *context);
/* Asks for a product to be fetched ahead of others; never blocks. false: no memory, not asked. Any thread. */
bool demand_ask(struct demand *d, int64_t id);

/* ---- the refresher ---- */
int demand_fd(const struct demand *d); /* readable when somebody asked */
/* Calls `take` for each id asked for since the last call, newest first, perhaps with repeats. */
void demand_take(struct demand *d, void (*take)(int64_t id, void *context), void *context);
void demand_announce(struct demand *d);
