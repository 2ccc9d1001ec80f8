/* Snapshots as Postgres prints them: what is parsed, what is refused, and what a snapshot sees. */
#include "unit.h"

#include "allocation.h"
#include "cache/snapshot.h"

static const struct {
    const char *text;
    uint64_t xmin, xmax;
    size_t running;
    uint64_t xip[4];
} accepted[] = {
    {"1:1:", 1, 1, 0, {0}},
    {"795:795:", 795, 795, 0, {0}},
    {"10:20:", 10, 20, 0, {0}},
    {"10:20:10", 10, 20, 1, {10}},
    {"10:20:10,14,19", 10, 20, 3, {10, 14, 19}},
    {"0:1:0", 0, 1, 1, {0}},
    {"18446744073709551614:18446744073709551615:18446744073709551614", UINT64_MAX - 1, UINT64_MAX, 1, {UINT64_MAX - 1}},
};

static const char *const refused[] = {
    "",
    ":",
    "::",
    ":::",
    "10",
    "10:20",
    "10:",
    ":20:",
    "10::",
    "a:20:",
    "10:b:",
    "10:20:c",
    "10:20:12x",
    "-10:20:",
    "+10:20:",
    " 10:20:",
    "10:20: ",
    "10 :20:",
    "20:10:",
    "10:20:9",
    "10:20:20",
    "10:20:21",
    "10:20:,",
    "10:20:12,",
    "10:20:,12",
    "10:20:12,,13",
    "10:20:13,12",
    "10:20:12,12",
    "10:20:12:13",
    "10:20:12;13",
    "10,20,12",
    "18446744073709551616:18446744073709551617:",
    "1:99999999999999999999:",
};

/* The bytes are copied to the size they have: the parser must not rely on a NUL. */
static bool parse(const char *text, struct snapshot *out, struct error *e)
{
    size_t len = strlen(text);
    char *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    exact[len] = '7';
    bool ok = snapshot_parse(exact, len, out, e);
    free(exact);
    return ok;
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct snapshot s;
        struct error e = {0};
        const char *row = accepted[i].text;
        CHECK_ROW(row, parse(row, &s, &e));
        CHECK_ROW(row, s.xmin == accepted[i].xmin && s.xmax == accepted[i].xmax);
        CHECK_ROW(row, s.running == accepted[i].running);
        CHECK_ROW(row, memcmp(s.xip, accepted[i].xip, s.running * sizeof *s.xip) == 0);
        snapshot_fini(&s);
        CHECK_ROW(row, s.xip == NULL && s.xmax == 0);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct snapshot s;
        struct error e = {0};
        CHECK_ROW(refused[i], !parse(refused[i], &s, &e));
        CHECK_ROW(refused[i], e.code == ERROR_POSTGRES && strstr(e.text, "is not a snapshot"));
        CHECK_ROW(refused[i], s.xip == NULL);
    }
}

static void test_refusal_is_cut(void **state)
{
    char longer[5000];
    struct snapshot s;
    struct error e = {0};
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(parse(longer, &s, &e));
    assert_true(strlen(e.text) < 140);
}

static void test_sees(void **state)
{
    static const struct {
        const char *snapshot;
        uint64_t xid;
        bool sees;
    } rows[] = {
        {"10:20:10,14,19", 0, true},
        {"10:20:10,14,19", 9, true},
        {"10:20:10,14,19", 10, false},
        {"10:20:10,14,19", 11, true},
        {"10:20:10,14,19", 13, true},
        {"10:20:10,14,19", 14, false},
        {"10:20:10,14,19", 15, true},
        {"10:20:10,14,19", 18, true},
        {"10:20:10,14,19", 19, false},
        {"10:20:10,14,19", 20, false},
        {"10:20:10,14,19", 21, false},
        {"10:20:10,14,19", UINT64_MAX, false},
        {"10:20:", 10, true},
        {"10:20:", 19, true},
        {"10:20:", 20, false},
        {"5:5:", 4, true},
        {"5:5:", 5, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct snapshot s;
        struct error e;
        assert_true(parse(rows[i].snapshot, &s, &e));
        if (snapshot_sees(&s, rows[i].xid) != rows[i].sees) {
            fail_msg("%s, %llu", rows[i].snapshot, (unsigned long long)rows[i].xid);
        }
        snapshot_fini(&s);
    }
}

/* V grows with each transaction that ends, whatever began meanwhile: the chain that stamps rely on. */
static void test_versions(void **state)
{
    static const char *const chain[] = {"10:10:",      "10:11:10",    "10:12:10,11", "10:12:10",
                                        "10:14:10,12", "12:14:12,13", "12:14:12",    "14:14:"};
    static const uint64_t versions[] = {10, 10, 10, 11, 12, 12, 13, 14};
    (void)state;
    for (size_t i = 0; i < COUNT(chain); i++) {
        struct snapshot s;
        struct error e;
        assert_true(parse(chain[i], &s, &e));
        CHECK_ROW(chain[i], snapshot_version(&s) == versions[i]);
        snapshot_fini(&s);
    }
}

static void test_copy(void **state)
{
    struct snapshot s;
    struct snapshot copy;
    struct error e;
    (void)state;
    assert_true(parse("10:20:12,13", &s, &e));
    assert_true(snapshot_copy(&s, &copy));
    snapshot_fini(&s);
    assert_false(snapshot_sees(&copy, 13));
    assert_true(snapshot_sees(&copy, 14));
    snapshot_fini(&copy);
    struct snapshot none = {0};
    assert_true(snapshot_copy(&none, &copy));
    snapshot_fini(&copy);
    snapshot_fini(&copy);
}

static void test_no_memory(void **state)
{
    struct snapshot s = {.xmin = 1, .xmax = 1};
    struct snapshot copy;
    struct error e = {0};
    (void)state;
    allocation_fail_at(1);
    assert_false(snapshot_parse("10:20:12", 8, &copy, &e));
    assert_int_equal(e.code, ERROR_SYSTEM);
    allocation_fail_at(1);
    assert_false(snapshot_copy(&s, &copy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),  cmocka_unit_test(test_refused),  cmocka_unit_test(test_refusal_is_cut),
        cmocka_unit_test(test_sees),      cmocka_unit_test(test_versions), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
