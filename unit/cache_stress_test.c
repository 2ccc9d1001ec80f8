/* The cache under one writer and several readers. The writer marks, applies, publishes (also what is too old), deletes,
 * forgets, adds again, announces everything, and gives memory back; readers check all that cache.h promises, with
 * nothing between the two but the cache. Meant for the thread and the address sanitizer; bounded by rounds, not time.
 */
#include "unit.h"

#include "cache/cache.h"
#include "history.h"

#include <pthread.h>
#include <sched.h>

enum { READERS = 3, RECENT = 48, PAGE = 100, PACE = 16 };

static struct cache *cache;
static _Atomic bool is_over;

/* ---- readers -------------------------------------------------------------------------------- */

struct reader {
    struct guard *guard;
    pthread_t thread;
    uint64_t random;
    uint64_t seen[PRODUCTS + 1]; /* the newest version of each product that it was shown */
    _Atomic size_t turns;
    size_t fresh, marked, absent, pins, whole;
    _Atomic(const char *) failed; /* the first promise that was broken */
    int line;
};

/* A promise of cache.h; cmocka's own checks are for the main thread only. */
#define PROMISED(r, condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (r)->line = __LINE__;                                                                                      \
            (r)->failed = #condition;                                                                                  \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

/* An entry that a look found, by what the past says of its moment. */
static bool check_entry(struct reader *r, const struct entry *e, int64_t id)
{
    PROMISED(r, history_is_whole(e, id));
    PROMISED(r, e->exists == history_exists(id, e->stamp));
    PROMISED(r, e->stamp >= r->seen[id]); /* never backwards */
    PROMISED(r, e->stamp <= cache_applied(r->guard)->stamp);
    r->seen[id] = e->stamp;
    return true;
}

/* A complete index that awaits nobody has every product of the round that is applied, unless it went since. */
static bool check_index(struct reader *r, int64_t id, uint64_t now)
{
    if (!cache_is_complete(cache) || cache_arriving(cache) > 0) {
        return true;
    }
    if (history_exists(id, now) && !id_index_has(cache_ids(r->guard), id)) {
        PROMISED(r, history_was_absent(id, now, cache_applied(r->guard)->stamp));
    }
    r->whole++;
    return true;
}

/* A product that changed in a round that is applied: shown as fresh only with that change. */
static bool look(struct reader *r)
{
    const struct applied *applied = cache_applied(r->guard);
    uint64_t now = applied->stamp;
    uint64_t round = now - random_next(&r->random) % (now < RECENT ? now : RECENT);
    PROMISED(r, history_is_applied(applied));
    if (round < 2) {
        return true;
    }
    int64_t id = history_changed[round][random_next(&r->random) % CHANGES];
    if (!check_index(r, id, now)) {
        return false;
    }
    struct found found = cache_get(r->guard, id);
    if (found.entry && !check_entry(r, found.entry, id)) {
        return false;
    }
    if (found.entry && !found.marked) {
        PROMISED(r, found.entry->stamp >= round);
        PROMISED(r, found.entry->stamp >= history_floor(now));
        PROMISED(r, found.absent == !found.entry->exists);
        r->fresh++;
    } else if (found.absent && !found.entry) {
        PROMISED(r, history_was_absent(id, round, cache_applied(r->guard)->stamp));
        r->absent++;
    }
    r->marked += found.marked;
    return true;
}

/* A listed product is there, unless it went after the list was read. */
static bool check_listed(struct reader *r, int64_t id)
{
    struct found found = cache_get(r->guard, id);
    if (found.entry) {
        return check_entry(r, found.entry, id);
    }
    PROMISED(r, history_was_absent(id, history_first(id), cache_applied(r->guard)->stamp));
    return true;
}

/* The whole index, page by page, out of one root; the products of one page in eight are looked at. */
static bool walk(struct reader *r)
{
    const struct id_root *ids = cache_ids(r->guard);
    int64_t page[PAGE];
    int64_t last = 0;
    size_t at = 0;
    size_t permanent = 0;
    for (size_t n; (n = id_index_copy(ids, at, page, PAGE)) > 0; at += n) {
        bool look_at_all = random_next(&r->random) % 8 == 0;
        for (size_t i = 0; i < n; i++) {
            PROMISED(r, page[i] > last && page[i] <= PRODUCTS);
            last = page[i];
            permanent += history_is_permanent(last);
            if (look_at_all && !check_listed(r, last)) {
                return false;
            }
        }
        PROMISED(r, id_index_rank(ids, last) == at + n);
    }
    PROMISED(r, at == id_index_count(ids));
    PROMISED(r, permanent == FIRST / PERMANENT);
    return true;
}

/* As a slow client does: the entry is sent after the guard was left. */
static bool hold(struct reader *r)
{
    int64_t id = (int64_t)(random_next(&r->random) % FIRST) + 1;
    guard_enter(r->guard);
    const struct entry *e = cache_get(r->guard, id).entry;
    if (e) {
        entry_pin(e);
    }
    guard_leave(r->guard);
    if (e) {
        for (int i = 0; i < 5; i++) {
            sched_yield();
        }
        bool whole = history_is_whole(e, id);
        entry_unpin(e);
        PROMISED(r, whole);
        r->pins++;
    }
    return true;
}

static void *read_all(void *context)
{
    struct reader *r = context;
    for (bool ok = true; ok && !atomic_load_explicit(&is_over, memory_order_relaxed);) {
        guard_enter(r->guard);
        for (int i = 0; ok && i < 64; i++) {
            ok = look(r);
        }
        guard_leave(r->guard);
        guard_enter(r->guard);
        ok = ok && walk(r);
        guard_leave(r->guard);
        ok = ok && hold(r);
        atomic_fetch_add_explicit(&r->turns, 1, memory_order_relaxed);
    }
    return NULL;
}

/* ---- the writer ----------------------------------------------------------------------------- */

/* What it knows of each product: a model of the slots, to foretell each result by. */
static struct known {
    bool slot, waiting; /* waiting: in the list of those to fetch */
    uint64_t entry, mark, absent_since;
} known[PRODUCTS + 1];
static int64_t waiting[PRODUCTS];
static size_t waiting_count;
static uint64_t random_state = 42;
static size_t results_seen[4];

static void want(int64_t id)
{
    if (!known[id].waiting) {
        known[id].waiting = true;
        waiting[waiting_count++] = id;
    }
}

static void mark(int64_t id, uint64_t round)
{
    struct slot *slot = cache_slot(cache, id, true);
    assert_non_null(slot);
    cache_mark(cache, slot, round);
    known[id].slot = true;
    known[id].mark = round;
    want(id);
}

static void apply(uint64_t round)
{
    struct applied *a = history_applied(round);
    cache_set_applied(cache, &a);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Takes up to `most` that wait, at random, ascending. */
static size_t take_waiting(int64_t *out, size_t most)
{
    size_t n = 0;
    for (; waiting_count > 0 && n < most; n++) {
        size_t at = random_next(&random_state) % waiting_count;
        out[n] = waiting[at];
        waiting[at] = waiting[--waiting_count];
        known[out[n]].waiting = false;
    }
    qsort(out, n, sizeof *out, by_value);
    return n;
}

static enum publish_result foretell(int64_t id, uint64_t version, uint64_t floor)
{
    const struct known *k = &known[id];
    if (version < k->mark || version < floor) {
        return PUBLISH_AGAIN;
    }
    return k->entry && version <= k->entry ? PUBLISH_OLD : PUBLISH_DONE;
}

/* Publishes some that wait, each as it was in this round or shortly before: what was read before it was announced comes
 * too late, and must be refused. */
static void publish(uint64_t round, size_t most)
{
    int64_t ids[PUBLISH_MAX];
    struct entry *entries[PUBLISH_MAX];
    enum publish_result results[PUBLISH_MAX];
    uint64_t stamps[PUBLISH_MAX];
    size_t n = take_waiting(ids, most);
    for (size_t i = 0; i < n; i++) {
        stamps[i] = round - (random_next(&random_state) % 4 ? 0 : random_next(&random_state) % 3);
        entries[i] = history_entry(ids[i], stamps[i]);
    }
    cache_publish(cache, entries, n, results);
    for (size_t i = 0; i < n; i++) {
        struct known *k = &known[ids[i]];
        assert_null(entries[i]);
        assert_int_equal(results[i], foretell(ids[i], stamps[i], history_floor(round)));
        results_seen[results[i]]++;
        k->slot = true;
        if (results[i] == PUBLISH_DONE) {
            k->entry = stamps[i];
            k->absent_since = history_exists(ids[i], stamps[i]) ? 0 : round;
        } else if (results[i] == PUBLISH_AGAIN) {
            want(ids[i]);
        }
    }
}

/* Those that have been absent for a while, and that nobody will publish. */
static size_t forget(uint64_t round)
{
    size_t forgotten = 0;
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        struct known *k = &known[id];
        if (k->slot && k->absent_since && k->absent_since + 40 < round && !k->waiting) {
            cache_forget(cache, cache_slot(cache, id, false));
            *k = (struct known){0};
            forgotten++;
        }
    }
    return forgotten;
}

static void mark_everything(uint64_t round)
{
    cache_mark_all(cache, round);
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        if (known[id].slot) {
            want(id);
        }
    }
}

/* The order that cache.h asks for: marks, then applied; what is published was read in a snapshot that is applied. */
static size_t write_round(uint64_t round)
{
    bool everything = history_floor(round) == round;
    if (everything) {
        mark_everything(round);
    }
    for (int i = 0; i < CHANGES; i++) {
        mark(history_changed[round][i], round);
    }
    apply(round);
    publish(round, cache_is_complete(cache) ? random_next(&random_state) % 12 : PUBLISH_MAX);
    if (waiting_count == 0 && !cache_is_complete(cache)) {
        cache_set_complete(cache);
    }
    if (round % 8 == 0) {
        cache_reclaim(cache);
    }
    return round % 64 == 0 ? forget(round) : 0;
}

static void load_first(void)
{
    for (int64_t id = 1; id <= FIRST; id++) {
        want(id);
    }
    apply(1);
    while (waiting_count > 0) {
        int64_t ids[PUBLISH_MAX];
        struct entry *entries[PUBLISH_MAX];
        enum publish_result results[PUBLISH_MAX];
        size_t n = take_waiting(ids, PUBLISH_MAX);
        for (size_t i = 0; i < n; i++) {
            entries[i] = history_entry(ids[i], 1);
            known[ids[i]] = (struct known){.slot = true, .entry = 1};
        }
        cache_publish(cache, entries, n, results);
    }
    cache_set_complete(cache);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Lets every reader have a turn, however few cores there are; relaxed, so that it orders nothing else. */
static void pace(const struct reader *readers)
{
    static size_t before[READERS];
    for (int i = 0; i < READERS; i++) {
        while (atomic_load_explicit(&readers[i].turns, memory_order_relaxed) == before[i] && !readers[i].failed) {
            sched_yield();
        }
        before[i] = atomic_load_explicit(&readers[i].turns, memory_order_relaxed);
    }
}

static void join(struct reader *readers)
{
    atomic_store(&is_over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        guard_free(&readers[i].guard);
    }
}

static void check_readers(const struct reader *readers)
{
    for (int i = 0; i < READERS; i++) {
        const struct reader *r = &readers[i];
        if (r->failed) {
            fail_msg("reader %d, line %d: %s", i, r->line, r->failed);
        }
        /* A test in which nothing was looked at would prove nothing. */
        assert_true(r->fresh > 1000 && r->marked > 100 && r->absent > 10 && r->pins > 20 && r->whole > 100);
    }
}

/* When all is fetched, the cache shows exactly the last round. */
static void check_end(struct guard *g)
{
    size_t exist = 0;
    guard_enter(g);
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        struct found found = cache_get(g, id);
        bool exists = history_exists(id, ROUNDS);
        assert_int_equal(found.absent, !exists);
        assert_false(found.marked);
        assert_int_equal(id_index_has(cache_ids(g), id), exists);
        exist += exists;
    }
    assert_int_equal(id_index_count(cache_ids(g)), exist);
    guard_leave(g);
    assert_int_equal(cache_entries(cache), exist);
}

static void test_one_writer_many_readers(void **state)
{
    static struct reader readers[READERS];
    struct error e;
    size_t forgotten = 0;
    (void)state;
    history_make(20160222);
    assert_true(cache_new(&cache, 0, &e));
    struct guard *own = guard_new(cache);
    assert_non_null(own);
    load_first();
    for (int i = 0; i < READERS; i++) {
        readers[i].random = (uint64_t)i + 1;
        readers[i].guard = guard_new(cache);
        assert_non_null(readers[i].guard);
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    for (uint64_t round = 2; round <= ROUNDS; round++) {
        forgotten += write_round(round);
        if (round % PACE == 0) {
            pace(readers);
        }
    }
    while (waiting_count > 0) {
        publish(ROUNDS, PUBLISH_MAX);
    }
    cache_set_complete(cache);
    join(readers);
    check_readers(readers);
    check_end(own);
    assert_true(forgotten > 1000 && results_seen[PUBLISH_AGAIN] > 1000 && results_seen[PUBLISH_DONE] > ROUNDS);
    guard_free(&own);
    cache_free(&cache);
    history_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_writer_many_readers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
