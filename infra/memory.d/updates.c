/* Does memory stay flat? Publishes entries into the real cache at full speed: N products first, then updates in place.
 * As in the server, entries are made by threads that never free them, freed by the one that publishes, now and then
 * by one that reads and keeps a pin. Prints a line of JSON at each milestone. */
#include "base/option.h"
#include "cache/cache.h"
#include "cache/heap.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAKERS = 2, BATCH = 64, QUEUE = 8, RECLAIM_BATCHES = 32, MILESTONES = 20, PINS = 64 };

struct options {
    int64_t products, updates;
};

#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
    {"products", OPTION_INT, AT(products), "100000", 1000, 10000000, "N", "Products in the cache"},
    {"updates", OPTION_INT, AT(updates), "10000000", 1000, 1000000000, "N", "Entries that take the place of others"},
};
static const struct option_table table = {
    .program = "cache-updates",
    .usage = "[OPTION …]",
    .purpose = "Measures the memory of the cache while its entries are replaced.",
    .env_prefix = "CACHE_UPDATES",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

struct batch {
    struct entry *entries[BATCH];
    size_t count;
};

static struct {
    struct options options;
    struct cache *cache;
    _Atomic uint64_t stamp;
    _Atomic bool over;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct batch queue[QUEUE];
    size_t head, queued;
} run = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void fail(const char *what)
{
    fprintf(stderr, "cache-updates: %s\n", what);
    exit(1);
}

/* splitmix64 (S. Vigna). */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Bytes of all documents of a product, in both codings, at every sixteenth of 100,000 generated products. */
static const uint32_t sizes[] = {
    605, 876, 974, 1151, 2242, 2486, 2691, 2960, 3564, 3945, 4280, 4801, 5219, 5666, 6314, 7083, 12801,
};

static size_t size_at(uint64_t random)
{
    const size_t steps = sizeof sizes / sizeof *sizes - 1;
    size_t step = random % steps;
    return sizes[step] + (random >> 32) % (sizes[step + 1] - sizes[step] + 1);
}

/* A product keeps its size but for a few bytes; one update in fifty gives it another one. */
static size_t size_of(int64_t id, uint64_t random)
{
    uint64_t own = (uint64_t)id;
    return random % 50 == 0 ? size_at(random >> 8) : size_at(random_next(&own)) + (random >> 8) % 48;
}

static struct entry *make(int64_t id, uint64_t random)
{
    size_t bytes = size_of(id, random);
    struct entry *e = entry_new(id, true, bytes);
    if (!e) {
        fail("no memory");
    }
    memset(e->bytes, (int)random, bytes);
    e->stamp = atomic_fetch_add(&run.stamp, 1);
    return e;
}

/* ---- makers --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void put(const struct batch *b)
{
    pthread_mutex_lock(&run.lock);
    while (run.queued == QUEUE && !run.over) {
        pthread_cond_wait(&run.changed, &run.lock);
    }
    run.queue[(run.head + run.queued++) % QUEUE] = *b;
    pthread_cond_broadcast(&run.changed);
    pthread_mutex_unlock(&run.lock);
}

static struct batch take(void)
{
    pthread_mutex_lock(&run.lock);
    while (run.queued == 0) {
        pthread_cond_wait(&run.changed, &run.lock);
    }
    struct batch b = run.queue[run.head];
    run.head = (run.head + 1) % QUEUE;
    run.queued--;
    pthread_cond_broadcast(&run.changed);
    pthread_mutex_unlock(&run.lock);
    return b;
}

static void drop(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        entry_unpin(b->entries[i]);
    }
}

/* Until it is over: what is made then is freed here. */
static void *make_all(void *context)
{
    uint64_t random = (uint64_t)(uintptr_t)context;
    while (!atomic_load(&run.over)) {
        struct batch b = {.count = 0};
        int64_t ids[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            ids[i] = 1 + (int64_t)(random_next(&random) % (uint64_t)run.options.products);
        }
        qsort(ids, BATCH, sizeof *ids, by_value);
        for (size_t i = 0; i < BATCH; i++) {
            if (i == 0 || ids[i] != ids[i - 1]) {
                b.entries[b.count++] = make(ids[i], random_next(&random));
            }
        }
        put(&b);
    }
    return NULL;
}

/* ---- a reader ------------------------------------------------------------------------------- */

/* Holds what it read for a while, so that some entries are freed by this thread. */
static void *read_all(void *context)
{
    const struct entry *pinned[PINS] = {0};
    struct guard *guard = context;
    uint64_t random = 99;
    for (size_t at = 0; !atomic_load(&run.over); at = (at + 1) % PINS) {
        if (pinned[at]) {
            entry_unpin(pinned[at]);
        }
        guard_enter(guard);
        pinned[at] = cache_get(guard, 1 + (int64_t)(random_next(&random) % (uint64_t)run.options.products)).entry;
        if (pinned[at]) {
            entry_pin(pinned[at]);
        }
        guard_leave(guard);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (size_t at = 0; at < PINS; at++) {
        if (pinned[at]) {
            entry_unpin(pinned[at]);
        }
    }
    return NULL;
}

/* ---- the one that publishes ----------------------------------------------------------------- */

static void publish(struct batch *b)
{
    enum publish_result results[PUBLISH_MAX];
    cache_publish(run.cache, b->entries, b->count, results);
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f || fscanf(f, "%*u %llu", &pages) != 1) {
        fail("cannot read /proc/self/statm");
    }
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void say(int64_t updates, const struct timespec *begun)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
    printf("{\"updates\":%" PRId64
           ",\"products\":%zu,\"payload_bytes\":%zu,\"memory_bytes\":%zu,\"resident_bytes\":%" PRIu64
           ",\"seconds\":%.1f}\n",
           updates, cache_entries(run.cache), cache_payload(run.cache), cache_memory(run.cache), resident_bytes(),
           seconds);
    fflush(stdout);
}

/* By the threads that will make the updates, too: so it is in the server. */
static void fill(void)
{
    uint64_t random = 7;
    for (int64_t id = 1; id <= run.options.products;) {
        struct batch b = {.count = 0};
        for (; b.count < BATCH && id <= run.options.products; id++) {
            b.entries[b.count++] = make(id, random_next(&random) * 50 + 1);
        }
        publish(&b);
    }
    cache_reclaim(run.cache);
}

/* At a hundredth of the updates, when the first places have been taken again, and at each twentieth. */
static void update(const struct timespec *begun)
{
    int64_t next = run.options.updates / 100;
    int64_t done = 0;
    for (size_t batches = 1; done < run.options.updates; batches++) {
        struct batch b = take();
        done += (int64_t)b.count;
        publish(&b);
        if (batches % RECLAIM_BATCHES == 0) {
            cache_reclaim(run.cache);
        }
        if (done >= next) {
            say(done, begun);
            next = (done / (run.options.updates / MILESTONES) + 1) * (run.options.updates / MILESTONES);
        }
    }
}

static void end(pthread_t *makers, pthread_t reader)
{
    atomic_store(&run.over, true);
    while (run.queued > 0) {
        struct batch b = take();
        drop(&b);
    }
    for (size_t i = 0; i < MAKERS; i++) {
        pthread_join(makers[i], NULL);
    }
    pthread_join(reader, NULL);
    while (run.queued > 0) {
        struct batch b = take();
        drop(&b);
    }
}

int main(int argc, char **argv)
{
    struct option_rest rest;
    struct error e;
    struct timespec begun;
    pthread_t makers[MAKERS];
    pthread_t reader;
    if (!options_parse(&table, &run.options, argc, argv, &rest, &e)) {
        fprintf(stderr, "cache-updates: %s\n", e.text);
        return 2;
    }
    if (rest.help) {
        options_print_help(&table);
        return 0;
    }
    heap_set_up(); /* as the server does; LD_PRELOAD tries another allocator */
    if (!cache_new(&run.cache, (size_t)run.options.products, &e)) {
        fail(e.text);
    }
    struct guard *guard = guard_new(run.cache);
    atomic_store(&run.stamp, 1);
    fill();
    clock_gettime(CLOCK_MONOTONIC, &begun);
    say(0, &begun);
    for (size_t i = 0; i < MAKERS; i++) {
        if (pthread_create(&makers[i], NULL, make_all, (void *)(uintptr_t)(i + 1)) != 0) {
            fail("cannot start a thread");
        }
    }
    if (!guard || pthread_create(&reader, NULL, read_all, guard) != 0) {
        fail("cannot start a thread");
    }
    update(&begun);
    end(makers, reader);
    guard_free(&guard);
    cache_free(&run.cache);
    return 0;
}
