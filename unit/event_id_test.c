/* Ids of events: what is encoded is parsed again; what was never sent is refused. */
#include "unit.h"

#include "allocation.h"
#include "cache/event_id.h"

static const struct {
    const char *snapshot, *encoded;
} snapshots[] = {
    {"1:1:", "1.0"},
    {"795:800:", "795.5"},
    {"10:20:10", "10.10.0"},
    {"10:20:10,14,19", "10.10.0.4.5"},
    {"10:20:12,13", "10.10.2.1"},
    {"9223372036854775806:9223372036854775807:9223372036854775806", "9223372036854775806.1.0"},
};

static bool parse(const char *text, struct event_id *out)
{
    struct error e = {0};
    size_t len = strlen(text);
    char *bytes = malloc(len + 1);
    memcpy(bytes, text, len); /* no NUL to rely on */
    bool ok = event_id_parse(bytes, len, out, &e);
    free(bytes);
    assert_true(ok || e.code == ERROR_DATA);
    return ok;
}

static bool same(const struct snapshot *a, const struct snapshot *b)
{
    return a->xmin == b->xmin && a->xmax == b->xmax && a->running == b->running &&
           (a->running == 0 || memcmp(a->xip, b->xip, a->running * sizeof *a->xip) == 0);
}

static void test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(snapshots); i++) {
        struct snapshot s;
        struct error e;
        struct text text = {0};
        struct event_id id;
        char whole[256];
        assert_true(snapshot_parse(snapshots[i].snapshot, strlen(snapshots[i].snapshot), &s, &e));
        snapshot_encode(&s, &text);
        assert_string_equal(text.at, snapshots[i].encoded);
        snprintf(whole, sizeof whole, "7-%s", text.at);
        CHECK_ROW(whole, parse(whole, &id));
        CHECK_ROW(whole, id.era == 7 && id.product == 0 && same(&id.from, &s) && same(&id.to, &s));
        event_id_fini(&id);
        snprintf(whole, sizeof whole, "18446744073709551615-1.0-%s-9223372036854775807", text.at);
        bool fits = parse(whole, &id);
        CHECK_ROW(whole, !fits); /* an era is no more than 63 bits */
        snprintf(whole, sizeof whole, "9-1.0-%s-9223372036854775807", text.at);
        CHECK_ROW(whole, parse(whole, &id));
        CHECK_ROW(whole, id.product == INT64_MAX && id.from.xmax == 1 && same(&id.to, &s));
        event_id_fini(&id);
        text_fini(&text);
        snapshot_fini(&s);
    }
}

static const char *const refused[] = {
    "",
    "7",
    "7-",
    "-1.0",
    "0-1.0",
    "7-1",
    "7-1.",
    "7-.1",
    "7-1.0.",
    "7-1.0.0", /* nothing runs between 1 and 1 */
    "7-10.10.10",
    "7-10.10.4.0",
    "7-10.10.4.6",
    "7-10.10.9.1",
    "7-10.10 ",
    " 7-10.10",
    "7-10.10-",
    "7-10.10-20.0",
    "7-10.10-20.0-",
    "7-10.10-20.0-0",
    "7-10.10-20.0-1-",
    "7-10.10-20.0-x",
    "7-20.0-10.9-1", /* backwards */
    "7-10.-1",
    "7-+1.0",
    "7-1.0,2",
    "7-9223372036854775807.1",
    "7-9223372036854775808.0",
    "7-1.99999999999999999999",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct event_id id;
        CHECK_ROW(refused[i], !parse(refused[i], &id));
    }
}

static void test_length(void **state)
{
    (void)state;
    char text[EVENT_ID_MAX + 2] = "7-1.5000";
    struct event_id id;
    for (size_t len = strlen(text); len + 2 <= EVENT_ID_MAX; len += 2) {
        strcpy(text + len, ".1");
    }
    assert_int_equal(strlen(text), EVENT_ID_MAX);
    assert_true(parse(text, &id));
    assert_int_equal(id.to.running, (EVENT_ID_MAX - 8) / 2);
    event_id_fini(&id);
    strcat(text, "1");
    assert_false(parse(text, &id));
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        struct event_id id;
        struct error e;
        allocation_fail_at(n);
        assert_false(event_id_parse("7-1.0", 5, &id, &e));
        assert_true(allocation_was_refused());
    }
    allocation_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
