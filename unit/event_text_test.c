/* What a stream says, byte by byte. */
#include "unit.h"

#include "serve/event_text.h"

static struct event_batch *batch(const int64_t *ids, size_t count)
{
    struct snapshot from = {.xmin = 90, .xmax = 100};
    struct snapshot to = {.xmin = 90, .xmax = 110};
    struct event_batch *b = event_batch_new(7, &from, &to, ids, count);
    assert_non_null(b);
    return b;
}

static const int64_t ids[] = {3, 5, INT64_MAX};

static const struct {
    const char *name;
    int64_t wanted[4]; /* ends with 0 */
    int64_t after;
    const char *expected;
    uint64_t count;
} rows[] = {
    {"all",
     {0},
     0,
     "id: 7-90.10-90.20-3\nevent: change\ndata: {\"id\":3,\"version\":\"7.110\"}\n\n"
     "id: 7-90.10-90.20-5\nevent: change\ndata: {\"id\":5,\"version\":\"7.110\"}\n\n"
     "id: 7-90.20\nevent: change\ndata: {\"id\":9223372036854775807,\"version\":\"7.110\"}\n\n",
     3},
    {"the rest", {0}, 5, "id: 7-90.20\nevent: change\ndata: {\"id\":9223372036854775807,\"version\":\"7.110\"}\n\n", 1},
    {"nothing", {0}, INT64_MAX, "", 0},
    {"two of them",
     {1, 3, 5},
     0,
     "id: 7-90.10-90.20-3\nevent: change\ndata: {\"id\":3,\"version\":\"7.110\"}\n\n"
     "id: 7-90.20\nevent: change\ndata: {\"id\":5,\"version\":\"7.110\"}\n\n",
     2},
    {"the second", {3, 4, 5}, 3, "id: 7-90.20\nevent: change\ndata: {\"id\":5,\"version\":\"7.110\"}\n\n", 1},
    {"none of them", {1, 2, 4}, 0, "", 0},
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = {0};
        struct event_batch *b = batch(ids, COUNT(ids));
        struct wanted wanted = {.ids = rows[i].wanted};
        int64_t product = rows[i].after;
        uint64_t count = 0;
        while (wanted.count < COUNT(rows[i].wanted) && rows[i].wanted[wanted.count]) {
            wanted.count++;
        }
        CHECK_ROW(rows[i].name, event_text_changes(&out, b, wanted, &product, SIZE_MAX, &count));
        check_bytes(rows[i].name, out.at, out.len, rows[i].expected, strlen(rows[i].expected));
        CHECK_ROW(rows[i].name, count == rows[i].count);
        text_fini(&out);
        event_batch_free(b);
    }
}

/* In pieces, however small: the same text. */
static void test_pieces(void **state)
{
    (void)state;
    struct text out = {0};
    struct event_batch *b = batch(ids, COUNT(ids));
    int64_t product = 0;
    uint64_t count = 0;
    int pieces = 1;
    while (!event_text_changes(&out, b, (struct wanted){0}, &product, out.len + 1, &count)) {
        pieces++;
    }
    assert_int_equal(pieces, 3);
    assert_int_equal(count, 3);
    check_bytes("pieces", out.at, out.len, rows[0].expected, strlen(rows[0].expected));
    text_fini(&out);
    event_batch_free(b);
}

static void test_others(void **state)
{
    (void)state;
    struct text out = {0};
    struct event_batch *b = batch(NULL, 0);
    event_text_reload(&out, b, RELOAD_BEHIND);
    assert_string_equal(out.at, "id: 7-90.20\nevent: reload\ndata: {\"reason\":\"behind\",\"version\":\"7.110\"}\n\n");
    text_clear(&out);
    event_text_heartbeat(&out, b);
    assert_string_equal(out.at, ":\nid: 7-90.20\n\n");
    text_clear(&out);
    event_text_heartbeat(&out, NULL);
    assert_string_equal(out.at, ":\n\n");
    text_clear(&out);
    b->loose = true; /* the position stays where it was */
    event_text_reload(&out, b, RELOAD_BULK);
    assert_string_equal(out.at, "event: reload\ndata: {\"reason\":\"bulk\",\"version\":\"7.110\"}\n\n");
    text_fini(&out);
    event_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
