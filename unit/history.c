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

/* ---- entries -------------------------------------------------------------------------------- */

enum { BYTES_MAX = 300 };

static uint64_t checksum(const struct entry *e)
{
    uint64_t sum = UINT64_C(14695981039346656037) ^ (uint64_t)e->id ^ e->stamp << 20 ^ e->exists;
    for (uint32_t i = 0; i < e->document[0].length[0]; i++) {
        sum = (sum ^ (unsigned char)e->bytes[i]) * UINT64_C(1099511628211);
    }
    return sum;
}

struct entry *history_entry(int64_t id, uint64_t round)
{
    uint64_t random = (uint64_t)id << 32 ^ round;
    uint32_t len = (uint32_t)(random_next(&random) % BYTES_MAX);
    struct entry *e = entry_new(id, history_exists(id, round), len);
    assert_non_null(e);
    e->stamp = round;
    e->document[0].length[0] = len;
    for (uint32_t i = 0; i < len; i++) {
        e->bytes[i] = (char)random_next(&random);
    }
    uint64_t sum = checksum(e);
    memcpy(e->card_hash, &sum, sizeof sum);
    return e;
}

bool history_is_whole(const struct entry *e, int64_t id)
{
    uint64_t sum = checksum(e);
    return e->id == id && memcmp(e->card_hash, &sum, sizeof sum) == 0;
}

struct applied *history_applied(uint64_t round)
{
    size_t running = round % 5;
    struct applied *a = calloc(1, sizeof *a);
    uint64_t *xip = malloc((running + 1) * sizeof *xip);
    assert_true(a && xip);
    *a = (struct applied){.stamp = round, .era = 1};
    a->snapshot = (struct snapshot){.xmin = round, .xmax = round + running, .xip = xip, .running = running};
    for (size_t i = 0; i < running; i++) {
        xip[i] = round + i;
    }
    return a;
}

bool history_is_applied(const struct applied *a)
{
    bool as_made = a->era == 1 && snapshot_version(&a->snapshot) == a->stamp;
    for (size_t i = 0; as_made && i < a->snapshot.running; i++) {
        as_made = a->snapshot.xip[i] == a->stamp + i;
    }
    return as_made;
}
