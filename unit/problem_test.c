/* Problems: each row is a whole and valid RFC 9457 document, whatever the detail and the path. */
#include "unit.h"

#include "json.h"
#include "serve/problem.h"

/* The contract's slugs; docs and clients know them by these names. */
static const struct {
    const char *slug;
    enum problem problem;
    int status;
    bool retry;
} expected[] = {
    {"bad-parameter", PROBLEM_BAD_PARAMETER, 400, false},
    {"bad-header", PROBLEM_BAD_HEADER, 400, false},
    {"bad-request", PROBLEM_BAD_REQUEST, 400, false},
    {"unknown-product", PROBLEM_UNKNOWN_PRODUCT, 404, false},
    {"no-route", PROBLEM_NO_ROUTE, 404, false},
    {"method-not-allowed", PROBLEM_METHOD, 405, false},
    {"not-acceptable", PROBLEM_NOT_ACCEPTABLE, 406, false},
    {"body-too-large", PROBLEM_BODY_TOO_LARGE, 413, false},
    {"uri-too-long", PROBLEM_URI_TOO_LONG, 414, false},
    {"headers-too-large", PROBLEM_HEADERS_TOO_LARGE, 431, false},
    {"not-loaded", PROBLEM_NOT_LOADED, 503, true},
    {"not-fresh", PROBLEM_NOT_FRESH, 503, true},
    {"unavailable", PROBLEM_UNAVAILABLE, 503, true},
    {"internal", PROBLEM_INTERNAL, 500, false},
};

static void test_rows(void **state)
{
    (void)state;
    assert_int_equal(COUNT(expected), PROBLEMS);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct problem_row *row = &problem_rows[expected[i].problem];
        CHECK_ROW(expected[i].slug, strcmp(row->slug, expected[i].slug) == 0);
        CHECK_ROW(expected[i].slug, row->status == expected[i].status && row->retry == expected[i].retry);
        CHECK_ROW(expected[i].slug, row->reason && *row->reason && row->title && *row->title);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    for (int p = 0; p < PROBLEMS; p++) {
        struct text body = {0};
        struct text start = {0};
        const struct problem_row *row = &problem_rows[p];
        problem_body(&body, (enum problem)p, "what came", "/products/x", 11);
        text_printf(&start, "{\"type\":\"urn:atelier:problem:%s\",\"title\":\"%s\",\"status\":%d,", row->slug,
                    row->title, row->status);
        text_str(&start, "\"detail\":\"what came\",\"instance\":\"/products/x\"}");
        check_bytes(row->slug, body.at, body.len, start.at, start.len);
        CHECK_ROW(row->slug, json_is_valid(body.at, body.len));
        text_fini(&body);
        text_fini(&start);
    }
}

/* What a client sent comes back in it: it must not break the document, nor out of it. */
static void test_hostile_bodies(void **state)
{
    static const char *const hostile[] = {"\"},{\"a\":\"",     "\\",       "\n\r\t\x01\x7F",       "\xFF\xFE",
                                          "</script><script>", "\xE2\x82", "\xED\xA0\x80\xC0\xAF", ""};
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct text body = {0};
        problem_body(&body, PROBLEM_BAD_PARAMETER, hostile[i], hostile[i], strlen(hostile[i]));
        CHECK_ROW(hostile[i], json_is_valid(body.at, body.len));
        text_fini(&body);
    }
    struct text body = {0};
    problem_body(&body, PROBLEM_NO_ROUTE, "d", "/a\0b", 4);
    assert_non_null(strstr(body.at, "\"instance\":\"/a\\u0000b\"}"));
    text_fini(&body);
}

static void test_for_status(void **state)
{
    static const struct {
        int status;
        enum problem problem;
    } rows[] = {{400, PROBLEM_BAD_REQUEST}, {404, PROBLEM_NO_ROUTE}, {413, PROBLEM_BODY_TOO_LARGE},
                {417, PROBLEM_BAD_REQUEST}, {500, PROBLEM_INTERNAL}, {502, PROBLEM_INTERNAL},
                {503, PROBLEM_UNAVAILABLE}, {599, PROBLEM_INTERNAL}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(problem_for_status(rows[i].status), rows[i].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_hostile_bodies),
        cmocka_unit_test(test_for_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
