/* The readers: `rate` requests a second to each replica. Some writes are followed: from the moment their commit is
 * acknowledged their product is asked for again and again until its stamp is there, on each replica on a connection of
 * its own. Which ones does not depend on how long others take, so a slow moment is not left out. What the followed ones
 * leave of the rate goes to products at random. */
#pragma once
#include "loop.h"
#include "results.h"

struct readers;

struct readers_options {
    int ports[REPLICAS_MAX]; /* on 127.0.0.1 */
    size_t replicas;
    int64_t rate, products, seed;
    int epoll;
};

MUST_CHECK bool readers_new(struct readers **out, const struct readers_options *options, struct results *results,
                            struct error *e);
void readers_start(struct readers *r, int64_t now_us);
/* Follows a write on all replicas; acked_us is now. */
MUST_CHECK bool readers_follow(struct readers *r, int64_t stamp, int64_t id, int64_t acked_us, struct error *e);
/* Sends what is due; `filling`: also to products at random. */
MUST_CHECK bool readers_run(struct readers *r, int64_t now_us, bool filling, struct error *e);
/* When readers_run has something to do again. */
int64_t readers_next_us(const struct readers *r);
/* Nothing is followed any more. */
bool readers_done(const struct readers *r);
void readers_free(struct readers **readers);
