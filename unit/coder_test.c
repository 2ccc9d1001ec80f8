/* Late forms: made once, of the right bytes, kept if they pay, gone with their entry; and never more than was
 * allowed. */
#include "unit.h"

#include "base/clock.h"
#include "inflate.h"
#include "products.h"
#include "refresh/make_entry.h"
#include "serve/coder.h"
#include "serve/lookup.h"

#include <brotli/decode.h>
#include <time.h>

enum { NO_LIMIT = 1 << 30, WAIT_LIMIT_MS = 10000, PLAIN_MAX = 1 << 16, QUEUE = 256 };

static struct entry *make(void)
{
    struct entry_maker *m;
    struct entry *made;
    struct error e;
    assert_true(entry_maker_new(&m, 1 << 20, &e) && entry_make(m, &boots, 42, NULL, &made, &e));
    entry_maker_free(&m);
    return made;
}

static struct cache *cache;

static struct coder *start(size_t bytes_max)
{
    struct coder *c;
    struct error e;
    assert_true(coder_new(&c, cache, bytes_max, &e) && coder_start(c, &e));
    return c;
}

static void check_metrics(const struct coder *c, const char *line)
{
    struct text out = {0};
    coder_print_metrics(c, &out);
    if (!strstr(out.at, line)) {
        fail_msg("%s is not in\n%s", line, out.at);
    }
    text_fini(&out);
}

static void wait_for(const struct coder *c, const char *line)
{
    int64_t deadline = clock_ms() + WAIT_LIMIT_MS;
    bool found = false;
    while (!found && clock_ms() < deadline) {
        struct text out = {0};
        coder_print_metrics(c, &out);
        found = strstr(out.at, line) != NULL;
        text_fini(&out);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    check_metrics(c, line);
}

static void check_late(const struct entry *e, unsigned kind, const char *plain, size_t len)
{
    static uint8_t out[PLAIN_MAX];
    size_t out_len = sizeof out;
    const struct late *late = entry_late(e, kind);
    assert_non_null(late);
    assert_int_equal(late->kind, kind);
    if (kind == LATE_FULL_GZIP) {
        check_gzip(late->bytes, late->length, plain, len);
        return;
    }
    assert_int_equal(BrotliDecoderDecompress(late->length, (const uint8_t *)late->bytes, &out_len, out),
                     BROTLI_DECODER_RESULT_SUCCESS);
    check_bytes("brotli", (const char *)out, out_len, plain, len);
}

static void test_each_kind_is_made_once(void **state)
{
    struct coder *c = start(NO_LIMIT);
    struct entry *e = make();
    struct text full = {0};
    h2o_iovec_t parts[PARTS_MAX];
    (void)state;
    for (unsigned kind = 0; kind < LATE_KINDS; kind++) {
        assert_null(entry_late(e, kind));
        coder_ask(c, e, kind);
        assert_false(entry_ask_late(e, kind));
    }
    wait_for(c, "made_total{kept=\"yes\"} 4\n");
    wait_for(c, "made_total{kept=\"no\"} 1\n"); /* of related ids: a dozen bytes */
    for (unsigned kind = 0; kind < LATE_KINDS; kind++) {
        coder_ask(c, e, kind);
    }
    assert_null(entry_late(e, DOCUMENT_RELATED));
    for (unsigned kind = 0; kind < DOCUMENT_RELATED; kind++) {
        check_late(e, kind, entry_bytes(e, kind, CODING_IDENTITY), e->document[kind].length[CODING_IDENTITY]);
    }
    for (size_t i = 0, count = full_parts(e, parts); i < count; i++) {
        text_add(&full, parts[i].base, parts[i].len);
    }
    check_late(e, LATE_FULL, full.at, full.len);
    check_late(e, LATE_FULL_GZIP, full.at, full.len);
    assert_true(entry_late_bytes() > 0);
    coder_free(&c);
    coder_free(&c);
    entry_unpin(e);
    assert_int_equal(entry_late_bytes(), 0);
    text_fini(&full);
}

static void test_what_is_no_smaller_is_not_kept(void **state)
{
    struct coder *c = start(NO_LIMIT);
    struct entry *e = make();
    (void)state;
    e->document[DOCUMENT_STYLES].length[CODING_GZIP] = 1;
    coder_ask(c, e, DOCUMENT_STYLES);
    wait_for(c, "made_total{kept=\"no\"} 1\n");
    assert_null(entry_late(e, DOCUMENT_STYLES));
    assert_false(entry_ask_late(e, DOCUMENT_STYLES)); /* nor made again */
    assert_true(entry_ask_late(e, DOCUMENT_PRODUCT));
    coder_free(&c);
    entry_unpin(e);
}

static void test_beyond_the_limit_nothing_is_made(void **state)
{
    struct coder *none = start(0);
    struct coder *one = start(1);
    struct entry *e = make();
    struct entry *other = make();
    (void)state;
    coder_ask(none, e, DOCUMENT_PRODUCT);
    assert_true(entry_ask_late(e, DOCUMENT_PRODUCT)); /* nobody has */
    coder_ask(one, e, DOCUMENT_STYLES);
    wait_for(one, "made_total{kept=\"yes\"} 1\n");
    coder_ask(one, other, DOCUMENT_STYLES);
    assert_true(entry_ask_late(other, DOCUMENT_STYLES));
    check_metrics(none, "made_total{kept=\"yes\"} 0\n");
    coder_free(&none);
    coder_free(&one);
    entry_unpin(e);
    entry_unpin(other);
}

/* The forms count against --memory-limit, whose last part is not for them. */
static void test_near_the_memory_limit_nothing_is_made(void **state)
{
    struct coder *c = start(NO_LIMIT);
    struct entry *e = make();
    size_t before = cache_memory(cache);
    (void)state;
    cache_set_memory_limit(cache, before + 1);
    coder_ask(c, e, DOCUMENT_STYLES);
    assert_true(entry_ask_late(e, DOCUMENT_STYLES)); /* nobody has */
    entry_unask_late(e, DOCUMENT_STYLES);
    cache_set_memory_limit(cache, 2 * before);
    coder_ask(c, e, DOCUMENT_STYLES);
    wait_for(c, "made_total{kept=\"yes\"} 1\n");
    assert_int_equal(cache_memory(cache), before + entry_late_bytes());
    cache_set_memory_limit(cache, 0);
    coder_free(&c);
    entry_unpin(e);
}

/* It does not run: what does not fit into the queue can be asked for again, and what is in it is let go at the end. */
static void test_a_full_queue(void **state)
{
    struct coder *c;
    struct error error;
    struct entry *entries[QUEUE + 1];
    (void)state;
    assert_true(coder_new(&c, cache, NO_LIMIT, &error));
    for (size_t i = 0; i <= QUEUE; i++) {
        entries[i] = make();
        coder_ask(c, entries[i], DOCUMENT_PRODUCT);
        assert_int_equal(entry_ask_late(entries[i], DOCUMENT_PRODUCT), i == QUEUE);
        assert_int_equal(atomic_load(&entries[i]->pins), i < QUEUE ? 2 : 1);
    }
    coder_free(&c);
    for (size_t i = 0; i <= QUEUE; i++) {
        assert_int_equal(atomic_load(&entries[i]->pins), 1);
        entry_unpin(entries[i]);
    }
}

/* The entry was replaced while its wish was in the queue: the pin keeps it until the form is made. */
static void test_an_entry_that_goes_meanwhile(void **state)
{
    struct coder *c = start(NO_LIMIT);
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct entry *e = make();
        coder_ask(c, e, LATE_FULL);
        entry_unpin(e);
    }
    coder_free(&c);
    assert_int_equal(entry_late_bytes(), 0);
}

static int set_up(void **state)
{
    struct error e;
    (void)state;
    return cache_new(&cache, 10, &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    cache_free(&cache);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_is_made_once),
        cmocka_unit_test(test_what_is_no_smaller_is_not_kept),
        cmocka_unit_test(test_beyond_the_limit_nothing_is_made),
        cmocka_unit_test(test_near_the_memory_limit_nothing_is_made),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_an_entry_that_goes_meanwhile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
