/* From path and query to a target, and every refusal of the contract's first section. */
#include "unit.h"

#include "serve/path.h"

/* Path and query as in a request line. */
static bool parse(const char *url, struct target *out, struct refusal *why)
{
    const char *mark = strchr(url, '?');
    size_t path_len = mark ? (size_t)(mark - url) : strlen(url);
    size_t query_len = mark ? strlen(mark + 1) : 0;
    /* In memory of its exact size: nothing may rely on a NUL. */
    char *path = malloc(path_len + 1);
    char *query = malloc(query_len + 1);
    assert_true(path && query);
    memcpy(path, url, path_len);
    memcpy(query, mark ? mark + 1 : "", query_len);
    path[path_len] = query[query_len] = '9';
    memset(out, 0xAA, sizeof *out);
    memset(why, 0xAA, sizeof *why);
    bool ok = path_parse(path, path_len, mark ? query : NULL, query_len, out, why);
    free(path);
    free(query);
    return ok;
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct {
    const char *url;
    enum route route;
    int64_t id;
} routes[] = {
    {"/", ROUTE_INDEX, 0},
    {"//", ROUTE_INDEX, 0},
    {"/openapi.json", ROUTE_OPENAPI, 0},
    {"/openapi.json/", ROUTE_OPENAPI, 0},
    {"/products", ROUTE_LIST, 0},
    {"/products/", ROUTE_LIST, 0},
    {"/products/11", ROUTE_PRODUCT, 11},
    {"/products/11/", ROUTE_PRODUCT, 11},
    {"/products/11/styles", ROUTE_STYLES, 11},
    {"/products/11/styles/", ROUTE_STYLES, 11},
    {"/products/11/related", ROUTE_RELATED, 11},
    {"/products/11/related/", ROUTE_RELATED, 11},
    {"/products/11/full", ROUTE_FULL, 11},
    {"/products/11/full/", ROUTE_FULL, 11},
    {"/products/11/related/cards", ROUTE_RELATED_CARDS, 11},
    {"/products/11/related/cards/", ROUTE_RELATED_CARDS, 11},
    {"/products/1", ROUTE_PRODUCT, 1},
    {"/products/9223372036854775807/styles", ROUTE_STYLES, INT64_MAX},
    {"/products/11?page=0", ROUTE_PRODUCT, 11}, /* parameters of lists mean nothing elsewhere */
    {"/products/11/styles?ids=x", ROUTE_STYLES, 11},
    {"/?page=0", ROUTE_INDEX, 0},
    {"/events", ROUTE_EVENTS, 0},
    {"/events/", ROUTE_EVENTS, 0},
    {"/events?page=0&count=x", ROUTE_EVENTS, 0},
    /* no route */
    {"", ROUTE_NONE, 0},
    {"x", ROUTE_NONE, 0},
    {"/product", ROUTE_NONE, 0},
    {"/productsx", ROUTE_NONE, 0},
    {"/products11", ROUTE_NONE, 0},
    {"/Products", ROUTE_NONE, 0},
    {"/products//", ROUTE_NONE, 0},
    {"/products/11/style", ROUTE_NONE, 0},
    {"/products/11/ful", ROUTE_NONE, 0},
    {"/products/11/full/cards", ROUTE_NONE, 0},
    {"/products/11/cards", ROUTE_NONE, 0},
    {"/products/11/related//cards", ROUTE_NONE, 0},
    {"/products/11/related/card", ROUTE_NONE, 0},
    {"/products/11/styles/cards", ROUTE_NONE, 0},
    {"/products/11/stylesx", ROUTE_NONE, 0},
    {"/products/11/Styles", ROUTE_NONE, 0},
    {"/products/11/styles/5", ROUTE_NONE, 0},
    {"/products/11//styles", ROUTE_NONE, 0},
    {"/products/11/styles//", ROUTE_NONE, 0},
    {"/products/abc/xyz", ROUTE_NONE, 0}, /* no route comes before a bad id */
    {"/event", ROUTE_NONE, 0},
    {"/events/1", ROUTE_NONE, 0},
    {"/cart", ROUTE_NONE, 0},
    {"/openapi", ROUTE_NONE, 0},
    {"/openapi.yaml", ROUTE_NONE, 0},
    {"/reviews/meta", ROUTE_NONE, 0},
    {"/nothing?page=0", ROUTE_NONE, 0},
};

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct target t;
        struct refusal why;
        CHECK_ROW(routes[i].url, parse(routes[i].url, &t, &why));
        CHECK_ROW(routes[i].url, t.route == routes[i].route);
        CHECK_ROW(routes[i].url, routes[i].id == 0 || t.id == routes[i].id);
    }
}

static void test_bad_ids(void **state)
{
    static const char *const ids[] = {"0",
                                      "00",
                                      "01",
                                      "-1",
                                      "+1",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "abc",
                                      "1a",
                                      "a1",
                                      " 1",
                                      "1 ",
                                      "1,2",
                                      "%31",
                                      "\xD9\xA1",
                                      "9223372036854775808",
                                      "99999999999999999999999999",
                                      "18446744073709551617"};
    static const char *const documents[] = {"", "/", "/styles", "/related/", "/full", "/related/cards"};
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        for (size_t k = 0; k < COUNT(documents); k++) {
            struct target t;
            struct refusal why;
            char url[128];
            snprintf(url, sizeof url, "/products/%s%s", ids[i], documents[k]);
            CHECK_ROW(url, !parse(url, &t, &why));
            CHECK_ROW(url, strcmp(why.parameter, "id") == 0 && strcmp(why.came, ids[i]) == 0);
            CHECK_ROW(url, strstr(why.accepted, "from 1 to 9223372036854775807"));
            CHECK_ROW(url, t.route != ROUTE_NONE);
        }
    }
}

static void test_no_id(void **state)
{
    struct target t;
    struct refusal why;
    (void)state;
    assert_false(parse("/products//styles", &t, &why));
    assert_string_equal(why.parameter, "id");
    assert_string_equal(why.came, "");
}

/* ---- lists ---------------------------------------------------------------------------------- */

static const struct {
    const char *query;
    enum list_kind list;
    int64_t page, after, count;
} lists[] = {
    {"", LIST_PAGE, 1, 0, 5},
    {"?", LIST_PAGE, 1, 0, 5},
    {"?page=1&count=5", LIST_PAGE, 1, 0, 5},
    {"?count=1000&page=7", LIST_PAGE, 7, 0, 1000},
    {"?count=1", LIST_PAGE, 1, 0, 1},
    {"?page=007", LIST_PAGE, 7, 0, 5},
    {"?page=9223372036854775807&count=1000", LIST_PAGE, INT64_MAX, 0, 1000},
    {"?after=0", LIST_AFTER, 1, 0, 5},
    {"?after=9223372036854775807&count=2", LIST_AFTER, 1, INT64_MAX, 2},
    {"?utm_source=x&page=3&utm=", LIST_PAGE, 3, 0, 5},
    {"?utm", LIST_PAGE, 1, 0, 5},
    {"?Page=0&pages=0&pag=0&counts=0", LIST_PAGE, 1, 0, 5},
    {"?&&page=3&&count=4&", LIST_PAGE, 3, 0, 4},
    {"?=7&=&page=3", LIST_PAGE, 3, 0, 5},
    {"?page=%33&count=1%30", LIST_PAGE, 3, 0, 10},
    {"?%70age=3&coun%74=4", LIST_PAGE, 3, 0, 4},
    {"?utm%3Dpage=0&x%26page=0", LIST_PAGE, 1, 0, 5}, /* what is escaped does not separate */
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct target t;
        struct refusal why;
        char url[128];
        snprintf(url, sizeof url, "/products%s", lists[i].query);
        CHECK_ROW(url, parse(url, &t, &why));
        CHECK_ROW(url, t.route == ROUTE_LIST && t.list == lists[i].list && t.count == lists[i].count);
        CHECK_ROW(url, t.list != LIST_PAGE || t.page == lists[i].page);
        CHECK_ROW(url, t.list != LIST_AFTER || t.after == lists[i].after);
        CHECK_ROW(url, t.id_count == 0);
    }
}

static const struct {
    const char *query;
    int64_t ids[4]; /* ends with 0 */
} id_lists[] = {
    {"ids=3", {3}},        {"ids=3,1,2", {3, 1, 2}},        {"ids=2,2", {2, 2}},
    {"ids=3%2C1", {3, 1}}, {"ids=%33%2c1&count=9", {3, 1}}, {"ids=9223372036854775807", {INT64_MAX}},
};

static void test_id_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(id_lists); i++) {
        struct target t;
        struct refusal why;
        char url[128];
        size_t n = 0;
        snprintf(url, sizeof url, "/products?%s", id_lists[i].query);
        CHECK_ROW(url, parse(url, &t, &why));
        CHECK_ROW(url, t.list == LIST_IDS);
        for (; id_lists[i].ids[n]; n++) {
            CHECK_ROW(url, n < t.id_count && t.ids[n] == id_lists[i].ids[n]);
        }
        CHECK_ROW(url, t.id_count == n);
    }
}

static void test_events(void **state)
{
    struct target t;
    struct refusal why;
    (void)state;
    assert_true(parse("/events?ids=3,1&page=7&after=x", &t, &why));
    assert_true(t.id_count == 2 && t.ids[0] == 3 && t.ids[1] == 1);
    assert_false(parse("/events?ids=3,0", &t, &why));
    assert_string_equal(why.parameter, "ids");
    assert_false(parse("/events?ids=3&ids=3", &t, &why));
    assert_string_equal(why.came, "3");
}

static void test_a_hundred_ids(void **state)
{
    char url[URL_MAX] = "/products?ids=1";
    struct target t;
    struct refusal why;
    (void)state;
    for (int i = 2; i <= LIST_IDS_MAX; i++) {
        snprintf(url + strlen(url), sizeof url - strlen(url), ",%d", i);
    }
    assert_true(parse(url, &t, &why));
    assert_int_equal(t.id_count, LIST_IDS_MAX);
    assert_int_equal(t.ids[LIST_IDS_MAX - 1], LIST_IDS_MAX);
    strcat(url, ",101");
    assert_false(parse(url, &t, &why));
    assert_string_equal(why.parameter, "ids");
}

static const struct {
    const char *query, *parameter, *came, *accepted;
} refused[] = {
    {"page=0", "page", "0", "from 1 to"},
    {"page=", "page", "", "from 1 to"},
    {"page", "page", "", "from 1 to"},
    {"page=-1", "page", "-1", "from 1 to"},
    {"page=+1", "page", "+1", "from 1 to"},
    {"page=%201", "page", " 1", "from 1 to"},
    {"page=1%00", "page", "1", "from 1 to"},
    {"page=1.5", "page", "1.5", "from 1 to"},
    {"page=x", "page", "x", "from 1 to"},
    {"page=9223372036854775808", "page", "9223372036854775808", "9223372036854775807"},
    {"page=1%", "page", "1%", "from 1 to"}, /* what is no escape stays as it is */
    {"page=%3", "page", "%3", "from 1 to"},
    {"page=%zz", "page", "%zz", "from 1 to"},
    {"page=%3g", "page", "%3g", "from 1 to"},
    {"page=1=1", "page", "1=1", "from 1 to"},
    {"count=0", "count", "0", "from 1 to 1000"},
    {"count=1001", "count", "1001", "from 1 to 1000"},
    {"count=", "count", "", "from 1 to 1000"},
    {"count=ten", "count", "ten", "from 1 to 1000"},
    {"count=99999999999999999999", "count", "99999999999999999999", "from 1 to 1000"},
    {"after=-1", "after", "-1", "from 0 to"},
    {"after=", "after", "", "from 0 to"},
    {"after=9223372036854775808", "after", "9223372036854775808", "from 0 to"},
    {"ids=", "ids", "", "1 to 100 product ids"},
    {"ids", "ids", "", "1 to 100 product ids"},
    {"ids=,", "ids", ",", "1 to 100 product ids"},
    {"ids=1,", "ids", "1,", "1 to 100 product ids"},
    {"ids=,1", "ids", ",1", "1 to 100 product ids"},
    {"ids=1,,2", "ids", "1,,2", "1 to 100 product ids"},
    {"ids=1,%202", "ids", "1, 2", "1 to 100 product ids"},
    {"ids=0", "ids", "0", "1 to 100 product ids"},
    {"ids=1,x", "ids", "1,x", "1 to 100 product ids"},
    {"ids=1;2", "ids", "1;2", "1 to 100 product ids"},
    {"ids=9223372036854775808", "ids", "9223372036854775808", "1 to 100 product ids"},
    /* twice, whatever the values */
    {"page=1&page=1", "page", "1", "twice"},
    {"count=5&count=6", "count", "6", "twice"},
    {"after=1&x=1&after=2", "after", "2", "twice"},
    {"ids=1&ids=2", "ids", "2", "twice"},
    {"page=1&%70age=2", "page", "2", "twice"},
    /* together */
    {"page=1&after=2", "after", "2", "only one of page, after and ids"},
    {"after=2&page=1", "page", "1", "only one of page, after and ids"},
    {"ids=1&page=1", "page", "1", "only one of page, after and ids"},
    {"count=2&after=0&ids=1", "ids", "1", "only one of page, after and ids"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct target t;
        struct refusal why;
        char url[128];
        snprintf(url, sizeof url, "/products?%s", refused[i].query);
        CHECK_ROW(url, !parse(url, &t, &why));
        CHECK_ROW(url, t.route == ROUTE_LIST);
        CHECK_ROW(url, strcmp(why.parameter, refused[i].parameter) == 0);
        CHECK_ROW(url, strcmp(why.came, refused[i].came) == 0);
        CHECK_ROW(url, strstr(why.accepted, refused[i].accepted));
    }
}

/* What came is shown, but not at any length. */
static void test_long_values(void **state)
{
    char url[URL_MAX + 1] = "/products?page=";
    struct target t;
    struct refusal why;
    (void)state;
    memset(url + strlen(url), '7', sizeof url - 1 - strlen(url));
    url[sizeof url - 1] = '\0';
    assert_false(parse(url, &t, &why));
    assert_int_equal(strlen(why.came), 60);
    memcpy(url, "/products?q_ge=", 15);
    assert_true(parse(url, &t, &why));
    memset(url + 10, 'n', sizeof url - 1 - 10); /* one long name */
    assert_true(parse(url, &t, &why));
    memset(url + 9, '?', 1);
    memset(url + 10, '&', sizeof url - 1 - 10);
    assert_true(parse(url, &t, &why));
}

static void test_prefixes(void **state)
{
    static const char *const valid[] = {"",     "/v1",        "/api/fec2/hr-rfp", "/A-z_0.9~",
                                        "/...", "/productsx", "/a/products"};
    static const char *const invalid[] = {"/",    "v1",   "/v1/",  "//v1",      "/a//b",        "/.",       "/a/../b",
                                          "/a b", "/a?b", "/%61/", "/products", "/products/v1", "/\xC3\xA4"};
    char longest[PATH_PREFIX_MAX + 2] = "/";
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        CHECK_ROW(valid[i], path_prefix_is_valid(valid[i]));
    }
    for (size_t i = 0; i < COUNT(invalid); i++) {
        CHECK_ROW(invalid[i], !path_prefix_is_valid(invalid[i]));
    }
    memset(longest + 1, 'x', PATH_PREFIX_MAX - 1);
    assert_true(path_prefix_is_valid(longest));
    longest[PATH_PREFIX_MAX] = 'x';
    assert_false(path_prefix_is_valid(longest));
}

static void test_begins_with_prefix(void **state)
{
    static const struct {
        const char *prefix, *path;
        size_t length;
    } rows[] = {
        {"/v1", "/v1", 3},
        {"/v1", "/v1/", 3},
        {"/v1", "/v1/products", 3},
        {"/a/b", "/a/b/products", 4},
        {"", "/products", 0},
        {"", "", 0},
        {"/v1", "", 0},
        {"/v1", "/v", 0},
        {"/v1", "/v12/products", 0},
        {"/v1", "/V1/products", 0},
        {"/v1", "/products/v1", 0},
        {"/a/b", "/a/", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_ROW(rows[i].path,
                  path_prefix_length(rows[i].prefix, rows[i].path, strlen(rows[i].path)) == rows[i].length);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < ROUTES; i++) {
        assert_true(route_names[i] && *route_names[i]);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(route_names[i], route_names[k]);
        }
    }
}

/* Any bytes: an answer, and no byte read or written outside. */
static void test_noise(void **state)
{
    static const char alphabet[] = "0123456789,,&&==%%acefginopstu/?\0\xFF";
    uint64_t random = 7;
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char url[200] = "/products?ids=";
        size_t len = random_next(&random) % sizeof url;
        struct target t;
        struct refusal why = {0};
        for (size_t i = random_next(&random) % 15; i < len; i++) {
            url[i] = alphabet[random_next(&random) % (sizeof alphabet - 1)];
        }
        const char *query = len > 10 ? url + 10 : url + len;
        bool ok = path_parse(url, random_next(&random) % 2 ? 9 : len, query, (size_t)(url + len - query), &t, &why);
        assert_true(ok || (why.parameter && why.accepted && memchr(why.came, '\0', sizeof why.came)));
        assert_true(t.id_count <= LIST_IDS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes), cmocka_unit_test(test_bad_ids),  cmocka_unit_test(test_no_id),
        cmocka_unit_test(test_lists),  cmocka_unit_test(test_id_lists), cmocka_unit_test(test_a_hundred_ids),
        cmocka_unit_test(test_events), cmocka_unit_test(test_refused),  cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_prefixes), cmocka_unit_test(test_begins_with_prefix),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
