#include "history.h"

#include "unit.h"

int64_t history_changed[ROUNDS + 1][CHANGES];

static struct event {
    struct event *before;
    uint64_t round;
    bool exists;
} * newest[PRODUCTS + 1]; /* of each product, the newest first */

static void add(int64_t id, uint64_t round, bool exists)
{
    struct event *e = malloc(sizeof *e);
    assert_non_null(e);
    *e = (struct event){.before = newest[id], .round = round, .exists = exists};
    newest[id] = e;
}

void history_make(uint64_t seed)
{
    uint64_t random = seed;
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        add(id, 1, id <= FIRST);
    }
    for (uint64_t round = 2; round <= ROUNDS; round++) {
        uint64_t reach = FIRST + (PRODUCTS - FIRST) * round / ROUNDS;
        for (int i = 0; i < CHANGES; i++) {
            int64_t id = (int64_t)(random_next(&random) % reach) + 1;
            history_changed[round][i] = id;
            if (newest[id]->round < round) {
                add(id, round, history_is_permanent(id) || random_next(&random) % 3 > 0);
            }
        }
    }
}

void history_free(void)
{
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        for (struct event *e = newest[id]; e;) {
            struct event *before = e->before;
            free(e);
            e = before;
        }
        newest[id] = NULL;
    }
}

bool history_exists(int64_t id, uint64_t round)
{
    const struct event *e = newest[id];
    while (e && e->round > round) {
        e = e->before;
    }
    return e && e->exists;
}

uint64_t history_first(int64_t id)
{
    uint64_t first = UINT64_MAX;
    for (const struct event *e = newest[id]; e; e = e->before) {
        first = e->exists ? e->round : first;
    }
    return first;
}

bool history_was_absent(int64_t id, uint64_t from, uint64_t to)
{
    for (const struct event *e = newest[id]; e && e->round > from; e = e->before) {
        if (e->round <= to && !e->exists) {
            return true;
        }
    }
    return !history_exists(id, from);
}
