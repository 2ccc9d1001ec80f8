/* What headers ask for: codings with their weights, validators, freshness. A negative beside each positive. */
#include "unit.h"

#include "serve/negotiate.h"

/* In memory of its exact size: a header's value has no NUL. */
static char *exact(const char *value, size_t *len)
{
    *len = strlen(value);
    char *copy = malloc(*len ? *len : 1);
    assert_non_null(copy);
    memcpy(copy, value, *len);
    return copy;
}

/* ---- Accept-Encoding ------------------------------------------------------------------------ */

enum { NONE = -1, IDENTITY = CODING_IDENTITY, GZIP = CODING_GZIP };

static const struct {
    const char *header; /* NULL: none was sent */
    int document;       /* of identity (100 bytes) and gzip (60 bytes) */
    int list;           /* of identity alone */
} encodings[] = {
    {NULL, IDENTITY, IDENTITY},
    {"", IDENTITY, IDENTITY},
    {"identity", IDENTITY, IDENTITY},
    {"gzip", GZIP, IDENTITY},
    {"GZip", GZIP, IDENTITY},
    {"x-gzip", GZIP, IDENTITY},
    {"gzip, deflate, br", GZIP, IDENTITY},
    {"br, deflate", IDENTITY, IDENTITY},
    {"gzip;q=1", GZIP, IDENTITY},
    {"gzip;q=0.001", GZIP, IDENTITY}, /* asked for; identity was not */
    {"gzip;q=0", IDENTITY, IDENTITY},
    {"gzip;q=0.000", IDENTITY, IDENTITY},
    {"gzip;q=0.5, identity;q=0.4", GZIP, IDENTITY},
    {"gzip;q=0.4, identity;q=0.5", IDENTITY, IDENTITY},
    {"gzip;q=0.5,identity;q=0.5", GZIP, IDENTITY}, /* equally welcome: the smaller */
    {"identity;q=0.5,gzip;q=0.5", GZIP, IDENTITY},
    {"gzip;q=0.499,identity;q=0.5", IDENTITY, IDENTITY},
    {"*", GZIP, IDENTITY},
    {"*;q=0.1", GZIP, IDENTITY},
    {"*;q=0", NONE, NONE},
    {"*;q=0, gzip", GZIP, NONE},
    {"gzip, *;q=0", GZIP, NONE},
    {"gzip;q=0.2, *;q=0.1", GZIP, IDENTITY},
    {"gzip;q=0, *", IDENTITY, IDENTITY},
    {"identity;q=0", NONE, NONE},
    {"identity;q=0, gzip", GZIP, NONE},
    {"gzip, identity;q=0", GZIP, NONE},
    {"identity;q=0, br", NONE, NONE},
    {"identity;q=0, *", GZIP, NONE},
    {"identity;q=0, gzip;q=0", NONE, NONE},
    {"identity;q=0.5, *;q=0", IDENTITY, IDENTITY},
    {"gzip;q=0.9, gzip;q=0", IDENTITY, IDENTITY}, /* the last one counts */
    /* spaces, empty elements, order */
    {" gzip ", GZIP, IDENTITY},
    {"\tgzip\t", GZIP, IDENTITY},
    {"gzip ; q=0", IDENTITY, IDENTITY},
    {"gzip;\tq=0 ", IDENTITY, IDENTITY},
    {",,gzip,,", GZIP, IDENTITY},
    {" , ", IDENTITY, IDENTITY},
    {"gzip;Q=0.5, identity;Q=0", GZIP, NONE},
    /* malformed: the element is passed over, the others count */
    {"gzip;q=2", IDENTITY, IDENTITY},
    {"gzip;q=1.001", IDENTITY, IDENTITY},
    {"gzip;q=-1", IDENTITY, IDENTITY},
    {"gzip;q=0.1234", IDENTITY, IDENTITY},
    {"gzip;q=", IDENTITY, IDENTITY},
    {"gzip;q", IDENTITY, IDENTITY},
    {"gzip;", IDENTITY, IDENTITY},
    {"gzip;x=1", IDENTITY, IDENTITY},
    {"gzip;q=a", IDENTITY, IDENTITY},
    {"gzip;q=0,5", IDENTITY, IDENTITY},
    {"gzip;q=1,5, identity;q=0", GZIP, NONE},
    {"gzip;q=.5", IDENTITY, IDENTITY},
    {"gzip;q=1x", IDENTITY, IDENTITY},
    {"gzip deflate", IDENTITY, IDENTITY},
    {"gzi", IDENTITY, IDENTITY},
    {"gzipx", IDENTITY, IDENTITY},
    {"identity;q=x, gzip", GZIP, IDENTITY},
    {"identity;q=00", IDENTITY, IDENTITY},
    /* weights as the standard writes them */
    {"gzip;q=1., identity;q=0.999", GZIP, IDENTITY},
    {"gzip;q=0., identity", IDENTITY, IDENTITY},
    {"gzip;q=1.000, identity;q=1.00", GZIP, IDENTITY},
    {"gzip;q=0.25, identity;q=0.3", IDENTITY, IDENTITY},
};

static const uint32_t lengths[CODINGS] = {[CODING_IDENTITY] = 1000, [CODING_GZIP] = 600};
static const bool both[CODINGS] = {true, true};
static const bool alone[CODINGS] = {[CODING_IDENTITY] = true};

static void test_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(encodings); i++) {
        const char *row = encodings[i].header ? encodings[i].header : "(no header)";
        struct accepted_codings a;
        codings_init(&a);
        if (encodings[i].header) {
            size_t len;
            char *value = exact(encodings[i].header, &len);
            codings_add(&a, value, len);
            free(value);
        }
        CHECK_ROW(row, codings_choose(&a, both, lengths) == encodings[i].document);
        CHECK_ROW(row, codings_choose(&a, alone, lengths) == encodings[i].list);
    }
}

static void test_several_headers_add_up(void **state)
{
    struct accepted_codings a;
    (void)state;
    codings_init(&a);
    codings_add(&a, "identity;q=0", 12);
    assert_int_equal(codings_choose(&a, both, lengths), NONE);
    codings_add(&a, "gzip;q=0.1", 10);
    assert_int_equal(codings_choose(&a, both, lengths), GZIP);
}

/* Where a coding saves little all replicas send identity, whatever code each has learnt. */
static void test_short_ones_are_not_coded(void **state)
{
    static const uint32_t shorter[CODINGS] = {[CODING_IDENTITY] = 255, [CODING_GZIP] = 100};
    static const uint32_t longer[CODINGS] = {[CODING_IDENTITY] = 256, [CODING_GZIP] = 255};
    struct accepted_codings a;
    (void)state;
    codings_init(&a);
    codings_add(&a, "gzip", 4);
    assert_int_equal(codings_choose(&a, both, shorter), IDENTITY);
    assert_int_equal(codings_choose(&a, both, longer), GZIP);
    codings_add(&a, "*;q=0", 5);
    assert_int_equal(codings_choose(&a, both, shorter), GZIP);
}

/* A small document may grow by gzip: then identity, unless it was said to be less welcome. */
static void test_smaller_wins(void **state)
{
    static const uint32_t grown[CODINGS] = {[CODING_IDENTITY] = 2, [CODING_GZIP] = 22};
    struct accepted_codings a;
    (void)state;
    codings_init(&a);
    codings_add(&a, "*", 1);
    assert_int_equal(codings_choose(&a, both, grown), IDENTITY);
    codings_init(&a);
    codings_add(&a, "gzip", 4);
    assert_int_equal(codings_choose(&a, both, grown), IDENTITY);
    codings_add(&a, "identity;q=0.9", 14);
    assert_int_equal(codings_choose(&a, both, grown), GZIP);
    codings_init(&a);
    codings_add(&a, "gzip, *;q=0.9", 13);
    assert_int_equal(codings_choose(&a, both, grown), GZIP);
    codings_init(&a);
    codings_add(&a, "gzip, *;q=0", 11);
    assert_int_equal(codings_choose(&a, both, grown), GZIP);
    codings_init(&a);
    codings_add(&a, "*;q=1", 5);
    assert_int_equal(codings_choose(&a, (const bool[CODINGS]){false, false}, lengths), NONE);
}

static const struct {
    const char *header;
    int before, after; /* brotli is made */
    bool asked;        /* before it is: whether it would be as welcome as what is chosen */
} brotli[] = {
    {"gzip, deflate, br", GZIP, CODING_BROTLI, true},
    {"br", IDENTITY, CODING_BROTLI, true},
    {"BR;q=0.5", IDENTITY, CODING_BROTLI, true},
    {"br;q=0.5, gzip;q=0.4", GZIP, CODING_BROTLI, true},
    {"br;q=0.4, gzip;q=0.5", GZIP, GZIP, false},
    {"br, identity;q=0", NONE, CODING_BROTLI, true},
    {"*", GZIP, CODING_BROTLI, true},
    {"br;q=0, *", GZIP, GZIP, false},
    {"br;q=0", IDENTITY, IDENTITY, false},
    {"gzip", GZIP, GZIP, false},
    {"brotli", IDENTITY, IDENTITY, false},
    {"bro, b", IDENTITY, IDENTITY, false},
    {"", IDENTITY, IDENTITY, false},
};

static void test_brotli(void **state)
{
    static const uint32_t sizes[CODINGS] = {[CODING_IDENTITY] = 1000, [CODING_GZIP] = 600, [CODING_BROTLI] = 500};
    static const bool all[CODINGS] = {true, true, true};
    (void)state;
    for (size_t i = 0; i < COUNT(brotli); i++) {
        struct accepted_codings a;
        codings_init(&a);
        codings_add(&a, brotli[i].header, strlen(brotli[i].header));
        int chosen = codings_choose(&a, both, sizes);
        CHECK_ROW(brotli[i].header, chosen == brotli[i].before);
        CHECK_ROW(brotli[i].header, codings_welcome(&a, CODING_BROTLI, chosen) == brotli[i].asked);
        CHECK_ROW(brotli[i].header, codings_choose(&a, all, sizes) == brotli[i].after);
        CHECK_ROW(brotli[i].header, brotli[i].before == NONE || codings_welcome(&a, chosen, chosen));
    }
}

/* ---- If-None-Match -------------------------------------------------------------------------- */

static const char etag[] = "\"0123abcd-gzip\"";

static const struct {
    const char *header;
    bool matches;
} validators[] = {
    {"\"0123abcd-gzip\"", true},
    {"W/\"0123abcd-gzip\"", true},
    {"*", true},
    {" * ", true},
    {" \"0123abcd-gzip\"\t", true},
    {"\"x\", \"0123abcd-gzip\"", true},
    {"\"x\",\"0123abcd-gzip\",\"y\"", true},
    {"\"x\" , W/\"0123abcd-gzip\" , \"y\"", true},
    {"W/\"x\",W/\"0123abcd-gzip\"", true},
    {", ,\"0123abcd-gzip\"", true},
    {"\"a,b\", \"0123abcd-gzip\"", true},
    {"\"a, \", \"0123abcd-gzip\"", true},
    {"\"\", \"0123abcd-gzip\"", true},
    /* not this one */
    {"", false},
    {" ", false},
    {",", false},
    {"\"0123abcd\"", false},
    {"\"0123abcd-gzip \"", false},
    {"\"0123ABCD-gzip\"", false},
    {"\"x0123abcd-gzip\"", false},
    {"\"\"", false},
    {"\"*\"", false},
    {"\"a,0123abcd-gzip\"", false}, /* a comma inside of a tag */
    {"\"x\",\"y\"", false},
    /* not a list of tags */
    {"0123abcd-gzip", false},
    {"\"0123abcd-gzip", false},
    {"0123abcd-gzip\"", false},
    {"\"x\" \"0123abcd-gzip\"", false},
    {"w/\"0123abcd-gzip\"", false},
    {"W/ \"0123abcd-gzip\"", false},
    {"W/", false},
    {"W", false},
    {"\"", false},
    {"**", false},
    {"x\"0123abcd-gzip\"", false},
};

static void test_validators(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(validators); i++) {
        size_t len;
        char *value = exact(validators[i].header, &len);
        CHECK_ROW(validators[i].header, etag_matches(value, len, etag, strlen(etag)) == validators[i].matches);
        free(value);
    }
}

/* ---- Catalogue-At-Least --------------------------------------------------------------------- */

static const struct {
    const char *header;
    int kind; /* AT_LEAST_NOTHING: refused */
    uint64_t era, number;
} at_leasts[] = {
    {"xid=795", AT_LEAST_XID, 0, 795},
    {"xid=0", AT_LEAST_XID, 0, 0},
    {" xid=795 ", AT_LEAST_XID, 0, 795},
    {"xid=18446744073709551615", AT_LEAST_XID, 0, UINT64_MAX},
    {"version=117964800008099667.795", AT_LEAST_VERSION, UINT64_C(117964800008099667), 795},
    {"\tversion=1.0", AT_LEAST_VERSION, 1, 0},
    {"version=18446744073709551615.18446744073709551615", AT_LEAST_VERSION, UINT64_MAX, UINT64_MAX},
    {"", AT_LEAST_NOTHING, 0, 0},
    {" ", AT_LEAST_NOTHING, 0, 0},
    {"795", AT_LEAST_NOTHING, 0, 0},
    {"xid", AT_LEAST_NOTHING, 0, 0},
    {"xid=", AT_LEAST_NOTHING, 0, 0},
    {"xid=x", AT_LEAST_NOTHING, 0, 0},
    {"xid=-1", AT_LEAST_NOTHING, 0, 0},
    {"xid=+1", AT_LEAST_NOTHING, 0, 0},
    {"xid= 1", AT_LEAST_NOTHING, 0, 0},
    {"xid =1", AT_LEAST_NOTHING, 0, 0},
    {"XID=1", AT_LEAST_NOTHING, 0, 0},
    {"xid=1.5", AT_LEAST_NOTHING, 0, 0},
    {"xid=1, xid=2", AT_LEAST_NOTHING, 0, 0},
    {"xid=18446744073709551616", AT_LEAST_NOTHING, 0, 0},
    {"version=", AT_LEAST_NOTHING, 0, 0},
    {"version=1", AT_LEAST_NOTHING, 0, 0},
    {"version=1.", AT_LEAST_NOTHING, 0, 0},
    {"version=.1", AT_LEAST_NOTHING, 0, 0},
    {"version=1.2.3", AT_LEAST_NOTHING, 0, 0},
    {"version=1,2", AT_LEAST_NOTHING, 0, 0},
    {"version=18446744073709551616.1", AT_LEAST_NOTHING, 0, 0},
    {"version=1.18446744073709551616", AT_LEAST_NOTHING, 0, 0},
};

static void test_at_least_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(at_leasts); i++) {
        struct at_least a;
        size_t len;
        char *value = exact(at_leasts[i].header, &len);
        bool ok = at_least_parse(value, len, &a);
        free(value);
        CHECK_ROW(at_leasts[i].header, ok == (at_leasts[i].kind != AT_LEAST_NOTHING));
        CHECK_ROW(at_leasts[i].header, !ok || (int)a.kind == at_leasts[i].kind);
        CHECK_ROW(at_leasts[i].header, !ok || (a.era == at_leasts[i].era && a.number == at_leasts[i].number));
    }
}

/* Applied: era 7, version 100, and the snapshot 98:102:99,101. */
static const struct {
    const char *row;
    struct at_least asked;
    bool met;
} meetings[] = {
    {"nothing", {.kind = AT_LEAST_NOTHING, .number = UINT64_MAX}, true},
    {"ended long ago", {.kind = AT_LEAST_XID, .number = 97}, true},
    {"ended", {.kind = AT_LEAST_XID, .number = 100}, true},
    {"runs", {.kind = AT_LEAST_XID, .number = 99}, false},
    {"runs, the last", {.kind = AT_LEAST_XID, .number = 101}, false},
    {"not begun", {.kind = AT_LEAST_XID, .number = 102}, false},
    {"this version", {.kind = AT_LEAST_VERSION, .era = 7, .number = 100}, true},
    {"an older version", {.kind = AT_LEAST_VERSION, .era = 7, .number = 99}, true},
    {"a newer version", {.kind = AT_LEAST_VERSION, .era = 7, .number = 101}, false},
    {"an earlier era, whatever its version", {.kind = AT_LEAST_VERSION, .era = 6, .number = 900}, true},
    {"a later era, whatever its version", {.kind = AT_LEAST_VERSION, .era = 8, .number = 1}, false},
};

static void test_at_least_met(void **state)
{
    uint64_t running[] = {99, 101};
    const struct snapshot applied = {.xmin = 98, .xmax = 102, .xip = running, .running = 2};
    (void)state;
    for (size_t i = 0; i < COUNT(meetings); i++) {
        CHECK_ROW(meetings[i].row, at_least_met(&meetings[i].asked, 7, 100, &applied) == meetings[i].met);
    }
}

/* ---- any bytes ------------------------------------------------------------------------------ */

static void test_noise(void **state)
{
    static const char alphabet[] = "gzipident*qQ=;,.01\" \tW/xversion";
    uint64_t random = 3;
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        struct accepted_codings a;
        struct at_least at_least;
        size_t len = random_next(&random) % 40;
        char *value = malloc(len ? len : 1);
        assert_non_null(value);
        for (size_t i = 0; i < len; i++) {
            value[i] = alphabet[random_next(&random) % (sizeof alphabet - 1)];
        }
        codings_init(&a);
        codings_add(&a, value, len);
        assert_in_range(codings_choose(&a, both, lengths) + 1, 0, CODINGS);
        assert_true(a.weight[CODING_GZIP] <= 1000 && a.any_weight <= 1000);
        etag_matches(value, len, etag, strlen(etag));
        at_least_parse(value, len, &at_least);
        accept_prefers_html(value, len);
        free(value);
    }
}

static const struct {
    const char *header;
    bool html;
} accepts[] = {
    {"text/html", true},
    {"Text/HTML;q=0.9", true},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true}, /* a browser */
    {"text/html;charset=utf-8;q=0.5, application/json;q=0.5", true},
    {"application/json;q=0.8, text/html", true},
    {"text/html;level=1, application/json;q=0.9", true},
    {"*/*, text/html;q=0.1", true},
    {"", false},
    {"*/*", false}, /* curl, fetch() */
    {"text/*", false},
    {"application/json", false},
    {"application/json, text/html;q=0.9", false},
    {"text/html;q=0", false},
    {"text/html;q=0.000, */*", false},
    {"text/htmlx, xtext/html", false},
    {"text/html q=1", false},
    {",;,;q=1,", false},
};

static void test_accept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepts); i++) {
        size_t len;
        char *value = exact(accepts[i].header, &len);
        CHECK_ROW(accepts[i].header, accept_prefers_html(value, len) == accepts[i].html);
        free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_several_headers_add_up),
        cmocka_unit_test(test_short_ones_are_not_coded),
        cmocka_unit_test(test_smaller_wins),
        cmocka_unit_test(test_validators),
        cmocka_unit_test(test_at_least_parse),
        cmocka_unit_test(test_at_least_met),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_brotli),
        cmocka_unit_test(test_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
