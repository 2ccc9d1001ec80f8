#include "unit.h"

#include "serve/request_id.h"

static void test_request_id(void **state)
{
    static const char *const good[] = {"1", "a-B_c.9", "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"};
    static const char *const bad[] = {"",     " ",    "a b",         "a\tb", "a\r\nSet-Cookie: x",
                                      "\x7F", "\x1F", "caf\xC3\xA9", "\xFF"};
    char longest[REQUEST_ID_MAX + 1];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        CHECK_ROW(good[i], request_id_is_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_ROW(bad[i], !request_id_is_valid(bad[i], strlen(bad[i])));
    }
    memset(longest, 'x', sizeof longest);
    assert_true(request_id_is_valid(longest, REQUEST_ID_MAX));
    assert_false(request_id_is_valid(longest, REQUEST_ID_MAX + 1));
    assert_false(request_id_is_valid("a\0b", 3));
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static const struct {
    const char *value;
    bool valid;
} traceparents[] = {
    {"00-" TRACE "-" PARENT "-01", true},
    {"00-" TRACE "-" PARENT "-00", true},
    {"00-" TRACE "-" PARENT "-ff", true},
    {"01-" TRACE "-" PARENT "-01", true}, /* a later version of the same length */
    {"fe-" TRACE "-" PARENT "-01", true},
    {"ff-" TRACE "-" PARENT "-01", false},
    {"00-00000000000000000000000000000000-" PARENT "-01", false},
    {"00-" TRACE "-0000000000000000-01", false},
    {"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01", false},
    {"00-0af7651916cd43dd8448eb211c80319g-" PARENT "-01", false},
    {"00-" TRACE "-" PARENT "-0g", false},
    {"0x-" TRACE "-" PARENT "-01", false},
    {"00_" TRACE "-" PARENT "-01", false},
    {"00-" TRACE "_" PARENT "-01", false},
    {"00-" TRACE "-" PARENT "_01", false},
    {"00-" TRACE "-" PARENT "-1", false},
    {"00-" TRACE "-" PARENT "-011", false},
    {"00-" TRACE "-" PARENT, false},
    {" 0-" TRACE "-" PARENT "-01", false},
    {"", false},
};

static void test_traceparent(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(traceparents); i++) {
        size_t len = strlen(traceparents[i].value);
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, traceparents[i].value, len);
        CHECK_ROW(traceparents[i].value, traceparent_is_valid(exact, len) == traceparents[i].valid);
        free(exact);
    }
}

static void test_made(void **state)
{
    char id[REQUEST_ID_LENGTH];
    char trace[TRACEPARENT_LENGTH];
    (void)state;
    request_id_make(id, UINT64_C(0x0123456789abcdef), 0);
    assert_memory_equal(id, "0123456789abcdef0000000000000000", REQUEST_ID_LENGTH);
    traceparent_make(trace, UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210), 2);
    assert_memory_equal(trace, "00-0123456789abcdeffedcba9876543211-0000000000000003-00", TRACEPARENT_LENGTH);
}

/* Whatever the random numbers are, what we make is what we would accept. */
static void test_made_is_valid(void **state)
{
    static const uint64_t numbers[] = {0, 1, UINT64_MAX, UINT64_C(0x8000000000000000)};
    (void)state;
    for (size_t i = 0; i < COUNT(numbers) * COUNT(numbers); i++) {
        char id[REQUEST_ID_LENGTH];
        char trace[TRACEPARENT_LENGTH];
        uint64_t a = numbers[i % COUNT(numbers)];
        uint64_t b = numbers[i / COUNT(numbers)];
        request_id_make(id, a, b);
        assert_true(request_id_is_valid(id, sizeof id));
        traceparent_make(trace, a, b, a);
        assert_true(traceparent_is_valid(trace, sizeof trace));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_id),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_made_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
