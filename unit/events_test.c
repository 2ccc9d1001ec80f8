/* The ring of events: order, limits, where a reader goes on; and the questions of those who were away. */
#include "cache_fixture.h"

#include "cache/events.h"

#include <poll.h>

/* All below xmax are ended: V is xmax. */
static struct snapshot at(uint64_t xmax)
{
    return (struct snapshot){.xmin = xmax, .xmax = xmax};
}

static void append(struct fixture *f, uint64_t era, uint64_t from, uint64_t to, const int64_t *ids, size_t count)
{
    struct snapshot a = at(from);
    struct snapshot b = at(to);
    struct event_batch *batch = event_batch_new(era, &a, &b, ids, count);
    assert_non_null(batch);
    events_append(f->cache, &batch);
    assert_null(batch);
}

static void append_odd(struct fixture *f, uint64_t era, uint64_t to, enum reload reload, bool loose)
{
    struct snapshot s = at(to);
    struct event_batch *batch = event_batch_new(era, &s, &s, NULL, 0);
    assert_non_null(batch);
    batch->reload = reload;
    batch->loose = loose;
    events_append(f->cache, &batch);
}

static uint64_t head(struct fixture *f)
{
    guard_enter(f->guard);
    const struct event_batch *b = events_head(f->guard);
    uint64_t version = b ? b->version : 0;
    guard_leave(f->guard);
    return version;
}

static bool has(struct fixture *f, uint64_t number)
{
    guard_enter(f->guard);
    bool there = events_at(f->guard, number);
    guard_leave(f->guard);
    return there;
}

/* The number to go on with; 0: the ring does not say. */
static uint64_t find(struct fixture *f, const char *id, int64_t *product)
{
    struct event_id seen;
    struct error e;
    uint64_t number = 0;
    *product = -1;
    assert_true(event_id_parse(id, strlen(id), &seen, &e));
    guard_enter(f->guard);
    bool found = events_find(f->guard, &seen, &number, product);
    guard_leave(f->guard);
    event_id_fini(&seen);
    return found ? number : 0;
}

static const int64_t ids[] = {3, 5, 8};

static void test_order(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(events_next(f->cache), 1);
    assert_int_equal(head(f), 0);
    append(f, 7, 100, 100, NULL, 0);
    append(f, 7, 100, 110, ids, 3);
    assert_int_equal(events_next(f->cache), 3);
    assert_int_equal(head(f), 110);
    guard_enter(f->guard);
    const struct event_batch *b = events_at(f->guard, 2);
    assert_non_null(b);
    assert_int_equal(b->count, 3);
    assert_memory_equal(b->ids, ids, sizeof ids);
    assert_string_equal(b->from_text, "100.0");
    assert_string_equal(b->to_text, "110.0");
    assert_null(events_at(f->guard, 3));
    assert_null(events_at(f->guard, 0));
    guard_leave(f->guard);
}

static void count_news(void *context)
{
    ++*(int *)context;
}

static void test_what_says_nothing_is_one(void **state)
{
    struct fixture *f = *state;
    int news = 0;
    int64_t product;
    events_watch(f->cache, count_news, &news);
    append(f, 7, 100, 100, NULL, 0);
    append(f, 7, 100, 105, NULL, 0);
    append(f, 7, 105, 110, NULL, 0);
    assert_int_equal(events_next(f->cache), 2);
    assert_int_equal(head(f), 110);
    assert_int_equal(news, 0);
    /* Whoever has seen any of it has missed nothing. */
    assert_int_equal(find(f, "7-100.0", &product), 2);
    assert_int_equal(find(f, "7-107.0", &product), 2);
    assert_int_equal(find(f, "7-110.0", &product), 2);
    assert_int_equal(find(f, "7-99.0", &product), 0);
    assert_int_equal(find(f, "7-111.0", &product), 0);
    append(f, 7, 110, 120, ids, 3);
    assert_int_equal(news, 1);
    append(f, 7, 120, 125, NULL, 0);
    assert_int_equal(events_next(f->cache), 4);
    append(f, 8, 125, 125, NULL, 0); /* another era is another one */
    assert_int_equal(events_next(f->cache), 5);
}

static void test_find(void **state)
{
    struct fixture *f = *state;
    int64_t product;
    append(f, 7, 100, 100, NULL, 0);
    append(f, 7, 100, 110, ids, 3);
    append(f, 7, 110, 120, ids, 3);
    assert_int_equal(find(f, "7-100.0", &product), 2);
    assert_int_equal(find(f, "7-110.0", &product), 3);
    assert_int_equal(product, 0);
    assert_int_equal(find(f, "7-120.0", &product), 4);
    assert_int_equal(find(f, "7-100.0-110.0-5", &product), 2);
    assert_int_equal(product, 5);
    assert_int_equal(find(f, "7-105.0", &product), 0);         /* within a batch that says something */
    assert_int_equal(find(f, "7-105.0-110.0-5", &product), 0); /* another replica's batch */
    assert_int_equal(find(f, "7-90.0", &product), 0);
    assert_int_equal(find(f, "7-130.0", &product), 0);
    assert_int_equal(find(f, "6-110.0", &product), 0);
    assert_int_equal(find(f, "8-110.0", &product), 0);
    assert_int_equal(find(f, "7-100.10.5", &product), 0); /* V is 109 */
    assert_int_equal(find(f, "7-105.6.5", &product), 3);  /* V is 110: the same snapshot, in other words */
}

static void test_loose_ones_do_not_move_the_head(void **state)
{
    struct fixture *f = *state;
    int64_t product;
    append(f, 7, 100, 100, NULL, 0);
    append_odd(f, 7, 150, RELOAD_BULK, true);
    assert_int_equal(head(f), 100);
    assert_int_equal(events_next(f->cache), 3);
    assert_int_equal(find(f, "7-100.0", &product), 2); /* is told of the bulk again */
    append_odd(f, 7, 160, RELOAD_BULK, false);
    assert_int_equal(head(f), 160);
    assert_int_equal(find(f, "7-160.0", &product), 4);
    assert_int_equal(find(f, "7-150.0", &product), 0);
}

static void test_room_for_batches(void **state)
{
    struct fixture *f = *state;
    int64_t product;
    for (uint64_t n = 1; n <= EVENTS_BATCHES + 10; n++) {
        append(f, 7, n, n + 1, ids, 1);
        cache_reclaim(f->cache);
    }
    assert_false(has(f, 10));
    assert_true(has(f, 11));
    assert_true(has(f, EVENTS_BATCHES + 10));
    assert_int_equal(find(f, "7-11.0", &product), 0);
    assert_int_equal(find(f, "7-12.0", &product), 12);
}

static void test_room_for_ids(void **state)
{
    struct fixture *f = *state;
    static int64_t many[EVENTS_BATCH_IDS];
    for (size_t i = 0; i < COUNT(many); i++) {
        many[i] = (int64_t)i + 1;
    }
    const uint64_t fit = EVENTS_IDS / EVENTS_BATCH_IDS;
    for (uint64_t n = 1; n <= fit + 1; n++) {
        append(f, 7, n, n + 1, many, COUNT(many));
    }
    assert_false(has(f, 1));
    assert_true(has(f, 2));
    assert_int_equal(head(f), fit + 2);
}

/* The head stays when loose ones have pushed it out of the ring. */
static void test_the_head_outlives_its_place(void **state)
{
    struct fixture *f = *state;
    append(f, 7, 90, 100, ids, 3);
    for (int i = 0; i < EVENTS_BATCHES + 1; i++) {
        append_odd(f, 7, 200, RELOAD_BULK, true);
        cache_reclaim(f->cache);
    }
    assert_false(has(f, 1));
    assert_int_equal(head(f), 100);
    append_odd(f, 7, 201, RELOAD_BULK, false);
    assert_int_equal(head(f), 201);
}

/* An id that would be too long is left out; the batch is told all the same. */
static void test_too_long_for_an_id(void **state)
{
    (void)state;
    static uint64_t running[EVENT_ID_MAX];
    struct snapshot few = at(100);
    struct snapshot many = {.xmin = 100, .xmax = 100 + 2 * COUNT(running), .xip = running};
    for (size_t i = 0; i < COUNT(running); i++) {
        running[i] = 100 + 2 * i;
    }
    many.running = 1500; /* 3 kB */
    struct event_batch *b = event_batch_new(7, &many, &many, NULL, 0);
    assert_non_null(b->to_text);
    assert_null(b->from_text);
    event_batch_free(b);
    many.running = COUNT(running);
    b = event_batch_new(7, &few, &many, NULL, 0);
    assert_null(b->to_text);
    event_batch_free(b);
}

static void test_questions(void **state)
{
    struct fixture *f = *state;
    struct resume a = {0};
    struct resume b = {0};
    struct pollfd fd = {.fd = events_fd(f->cache), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_null(events_take_asked(f->cache));
    events_ask(f->cache, &a);
    events_ask(f->cache, &b);
    assert_int_equal(poll(&fd, 1, 0), 1);
    const struct resume *asked = events_take_asked(f->cache);
    assert_ptr_equal(asked, &b);
    assert_ptr_equal(asked->link, &a);
    assert_null(a.link);
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_null(events_take_asked(f->cache));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        TEST(test_what_says_nothing_is_one),
        TEST(test_find),
        TEST(test_loose_ones_do_not_move_the_head),
        TEST(test_room_for_batches),
        TEST(test_room_for_ids),
        TEST(test_the_head_outlives_its_place),
        TEST(test_too_long_for_an_id),
        TEST(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
