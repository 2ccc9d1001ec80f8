/* A made-up past for cache_stress_test: in each round a few products change, and whether a product exists after each of
 * its changes is known beforehand. Made before any thread starts and only read afterwards: readers judge what they find
 * by it without a word from the writer, so that nothing but the cache itself orders what they see. */
#pragma once
#include "cache/cache.h"

enum {
    PRODUCTS = 6000,   /* ids 1 … PRODUCTS */
    FIRST = 1500,      /* exist from round 1 on; others come later, and the table grows with them */
    PERMANENT = 7,     /* of the first ones every seventh never goes */
    ROUNDS = 6000,     /* each is one version */
    CHANGES = 4,       /* products that change in a round */
    FLOOR_EVERY = 1499 /* rounds in which everything is announced to have changed */
};

extern int64_t history_changed[ROUNDS + 1][CHANGES]; /* by round; may repeat */

void history_make(uint64_t seed);
void history_free(void);
bool history_exists(int64_t id, uint64_t round);
/* The first round after which it existed; UINT64_MAX: never. */
uint64_t history_first(int64_t id);
/* Whether there was a round from … to (inclusive) after which the product did not exist. */
bool history_was_absent(int64_t id, uint64_t from, uint64_t to);

/* The product as it was after that round, with bytes that say whose they are. */
struct entry *history_entry(int64_t id, uint64_t round);
bool history_is_whole(const struct entry *e, int64_t id);
/* What is applied after that round, and whether it is as it was made. */
struct applied *history_applied(uint64_t round);
bool history_is_applied(const struct applied *a);

static inline bool history_is_permanent(int64_t id)
{
    return id <= FIRST && id % PERMANENT == 0;
}
/* The last round up to this one that announced everything; 0: none. */
static inline uint64_t history_floor(uint64_t round)
{
    return round / FLOOR_EVERY * FLOOR_EVERY;
}
