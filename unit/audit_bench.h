/* The audit on a bench: a refresher with a real cache and no threads, whose fetches are answered by hand. For programs
 * in which fetch_submit is wrapped (CMakeLists.txt). */
#pragma once
#include "cache_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "refresh/refresher_state.h"

enum { S = 100 /* the version that digests are of */, ERA = 1, LIFE = 3 };

static struct bench {
    struct fixture cache;
    struct refresher r;
    struct fetch *sent; /* not answered yet */
} b;

/* In the place of the pool (CMakeLists.txt). */
void __wrap_fetch_submit(struct fetch_pool *pool, struct fetch **fetch);
void __wrap_fetch_submit(struct fetch_pool *pool, struct fetch **fetch)
{
    (void)pool;
    assert_null(b.sent);
    assert_true((*fetch)->life == b.r.life && (*fetch)->era_index == b.r.era_index);
    b.sent = *fetch;
    *fetch = NULL;
}

static inline void show(int64_t id, bool exists, uint64_t version, uint64_t digest)
{
    struct entry *e = make(id, exists, stamp_make(b.r.era_index, version));
    enum publish_result result;
    e->digest = digest;
    cache_publish(b.r.cache, &e, 1, &result);
    assert_int_equal(result, PUBLISH_DONE);
}

static inline void mark_at(int64_t id, uint64_t version)
{
    mark(&b.cache, id, stamp_make(b.r.era_index, version));
}

/* The log has been read up to here. */
static inline void read_up_to(uint64_t version)
{
    b.r.feed.last = (struct snapshot){.xmin = version, .xmax = version};
}

static inline int begin(void **state)
{
    struct error e;
    (void)state;
    log_set_level(LOG_ERROR);
    b = (struct bench){0};
    assert_true(cache_new(&b.cache.cache, 0, &e));
    struct refresher *r = &b.r;
    r->cache = b.cache.cache;
    assert_true(demand_new(&r->demand, &e));
    r->options.audit_cycle_s = 600;
    r->feed.pg.connection = (PGconn *)r; /* only looked at */
    r->era = (struct era){.number = 5};
    r->era_index = ERA;
    r->life = LIFE;
    r->audit.size = 500;
    r->audit.next_row_counts_us = INT64_MAX;
    cache_set_complete(r->cache);
    read_up_to(S);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    fetch_free(&b.sent);
    audit_fini(&b.r.audit);
    demand_free(&b.r.demand);
    cache_free(&b.cache.cache);
    return 0;
}

static inline uint64_t count_of(const metric *m)
{
    return metric_get(m);
}
#define CHECK_COUNT(name, expected) assert_int_equal(count_of(&b.r.metrics.audit_##name), expected)

/* What is sent is of this kind and this range. */
static inline void check_asked(enum fetch_kind kind, int64_t after, int64_t up_to)
{
    audit_step(&b.r);
    assert_non_null(b.sent);
    assert_int_equal(b.sent->kind, kind);
    assert_true(b.sent->after == after && b.sent->up_to == up_to);
}

static inline void check_asks_nothing(void)
{
    audit_step(&b.r);
    assert_null(b.sent);
}

static inline void give_back(void)
{
    struct fetch *f = b.sent;
    b.sent = NULL;
    audit_take_done(&b.r, f);
    fetch_free(&f);
}

/* Answers what was sent with these digests, as of S. */
static inline void answer(const struct digest *digests, size_t count)
{
    struct fetch *f = b.sent;
    f->ok = true;
    f->stamp = stamp_make(f->era_index, S);
    f->took_us = 20000;
    f->digests = malloc((count + 1) * sizeof *digests);
    assert_non_null(f->digests);
    memcpy(f->digests, digests, count * sizeof *digests);
    f->digest_count = count;
    give_back();
}
#define ANSWER(...) answer((const struct digest[]){__VA_ARGS__}, COUNT(((const struct digest[]){__VA_ARGS__})))

/* The next range is due now, as far as time is concerned. */
static inline void let_time_pass(void)
{
    b.r.audit.next_us = 0;
}

/* Answers what was sent with what is in memory. */
static inline void answer_equal(void)
{
    struct digest together = {0};
    size_t count;
    int64_t *listed = refresher_listed(&b.r, b.sent->after, b.sent->up_to, &count);
    struct digest *each = calloc(count + 1, sizeof *each);
    for (size_t i = 0; i < count; i++) {
        each[i] = (struct digest){listed[i], atomic_load(&cache_slot(b.r.cache, listed[i], false)->entry)->digest};
        together.value ^= each[i].value;
    }
    if (b.sent->kind == FETCH_RANGE_DIGEST) {
        answer(&together, 1);
    } else {
        answer(each, count);
    }
    free(each);
    free(listed);
}
