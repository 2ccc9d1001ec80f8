/* The writers: single-product transactions at a constant rate, over several connections, each with a stamp that no
 * other has. Open loop: a write is due at its moment whether or not the ones before are back. Each connection has
 * products of its own, so that a product's stamps only grow; the first connection has just one, for the baseline to
 * watch. */
#pragma once
#include "loop.h"
#include "results.h"

struct writers;

struct writers_options {
    const char *conninfo;
    int64_t connections, rate, products, seed;
    int epoll;
};

enum { WATCHED_ID = 1 };

/* Called when the commit of results->writes[index] was acknowledged. */
typedef bool write_acked(void *context, size_t index, struct error *e);

MUST_CHECK bool writers_new(struct writers **out, const struct writers_options *options, struct results *results,
                            write_acked *acked, void *context, struct error *e);
/* From now on writes are due. */
void writers_start(struct writers *w, int64_t now_us);
/* Sends what is due. */
MUST_CHECK bool writers_run(struct writers *w, int64_t now_us, struct error *e);
/* When the next write is due; INT64_MAX: none is left. */
int64_t writers_next_us(const struct writers *w);
bool writers_done(const struct writers *w);
void writers_free(struct writers **writers);
