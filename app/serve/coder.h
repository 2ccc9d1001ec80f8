/* The coder: makes the late forms (cache/entry.h) that somebody has asked for, one after the other, on a thread of its
 * own with the lowest priority. What is asked for while it has enough to do is asked for again by the next request. */
#pragma once
#include "base/error.h"
#include "base/text.h"
#include "cache/cache.h"

struct coder;

/* No more forms are made while those in memory take `bytes_max` (0: none at all), or while the cache is near its memory
 * limit. */
MUST_CHECK bool coder_new(struct coder **out, const struct cache *cache, size_t bytes_max, struct error *e);
MUST_CHECK bool coder_start(struct coder *c, struct error *e);
/* Ends the thread; what it has not made yet is dropped. */
void coder_free(struct coder **coder);

/* Asks for a late form; never blocks. Any thread, inside a guard or with a pin. */
void coder_ask(struct coder *c, const struct entry *e, unsigned kind);
void coder_print_metrics(const struct coder *c, struct text *out);
