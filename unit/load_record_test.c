/* Records out of damaged files: what is a row, what is repaired, what is rejected, and what comes next. */
#include "unit.h"

#include "load/record.h"

static const struct record_rules four = {.fields = 4, .id_field = 0};

/* Each letter is one record: R row, + repaired, x rejected, b blank. A digit after it: of so many lines. */
static void check_rules(const char *bytes, const char *expected, const struct record_rules *rules)
{
    const char *at = bytes;
    size_t len = strlen(bytes);
    while (len > 0) {
        struct record record = {0};
        static const char letters[] = {[RECORD_MORE] = '?',
                                       [RECORD_BLANK] = 'b',
                                       [RECORD_ROW] = 'R',
                                       [RECORD_REPAIRED] = '+',
                                       [RECORD_REJECTED] = 'x'};
        assert_int_equal(letters[record_take(at, len, true, rules, &record)], *expected++);
        if (*expected >= '1' && *expected <= '9') {
            assert_int_equal(record.lines, *expected++ - '0');
        } else {
            assert_int_equal(record.lines, 1);
        }
        assert_in_range(record.consumed, 1, len);
        assert_in_range(record.len, 0, record.consumed);
        at += record.consumed;
        len -= record.consumed;
    }
    assert_int_equal(*expected, '\0');
}

static void check(const char *bytes, const char *expected)
{
    check_rules(bytes, expected, &four);
}

static void test_plain_rows(void **state)
{
    (void)state;
    check("1,2,u,t\n2,2,u,t\n", "RR");
    check("1,2,u,t\r\n2,2,u,t\r\n", "RR");
    check("1,2,u,t\n2,2,u,t", "RR");
    check("1,2,\"u\",\"t\"", "R");
    check("\n1,2,u,t\n  \t\n\r\n2,2,u,t\n\n", "bRbbRb");
}

static void test_wrong_number_of_fields(void **state)
{
    (void)state;
    check("1,2,u\n2,2,u,t\n", "xR");
    check("1,2,u,t,v\n2,2,u,t\n", "xR");
    check("1\n2,2,u,t\n", "xR");
}

static void test_a_missing_closing_quote_ends_with_its_line(void **state)
{
    (void)state;
    check("48,12,\"u\",\"t\n49,13,\"u\",\"t\"\n", "+R");
    check("48,12,\"u\",\"t\r\n49,13,\"u\",\"t\"\r\n", "+R");
    check("47,1,\"u\",\"t\n48,12,\"u\",\"t\n49,13,\"u\",\"t\"\n", "++R");
    check("48,12,\"u\",\"t\n", "+");
    check("48,12,\"u\",\"t", "+");
    check("48,12,\"u\",\"t\n\n49,13,\"u\",\"t\"\n", "+bR");
}

static void test_the_repaired_value_has_no_line_end(void **state)
{
    struct record record;
    (void)state;
    assert_int_equal(record_take("8,1,\"u\",\"t\r\n9,1,u,t\n", 20, true, &four, &record), RECORD_REPAIRED);
    assert_int_equal(record.row.fields[3].len, 1);
    assert_int_equal(record.len, 10);
    assert_int_equal(record.consumed, 12);
}

static void test_a_value_over_several_lines(void **state)
{
    (void)state;
    check("1,2,\"one\ntwo\",t\n2,2,u,t\n", "R2R");
    check("1,2,\"one\n\nthree, \"\"3\"\"\",t\n2,2,u,t\n", "R3R");
    check("1,2,u,\"one\ntwo\"\n2,2,u,t\n", "R2R");
    check("1,2,u,\"one\ntwo\"", "R2");
}

static void test_a_line_that_is_a_row_is_never_swallowed(void **state)
{
    (void)state;
    /* both readings are possible: the second line could be the value's */
    check("1,2,u,\"one\n2,2,u,two\"\n", "+R");
    check("1,2,\"one\n2,2,u,t\n3,2,u,t\",v\n", "xRx");
    check("1,2,\"never closed,t\n2,2,u,t\n", "xR");
    check("1,2,\"never closed,t\nrest of it\n2,2,u,t\n", "xxR");
    check("1,2,u,\"never closed\n250,83\n2,2,u,t\n", "+xR");
    check("1,2,u,\"never closed\nx\",\"y\"\n2,2,u,t\n", "+xR");
}

static void test_quotes_that_do_not_match(void **state)
{
    (void)state;
    check("1,2,\"5\" wide\",t\n2,2,u,t\n", "xR");
    check("1,2,\"u,\"t\"\n2,2,u,t\n", "xR");
}

static void test_the_id_tells_rows_from_text(void **state)
{
    const struct record_rules id_last = {.fields = 3, .id_field = 2};
    (void)state;
    check_rules("a,b,1\nc,\"d\ne,f,2\n", "RxR", &id_last);
    check_rules("a,\"b\ne,f,g\",1\n", "R2", &id_last);
}

static void test_how_far_a_value_is_followed(void **state)
{
    struct record record;
    struct record_rules two = {.fields = 2};
    char *bytes = malloc(RECORD_JOINED_MAX * 3);
    (void)state;
    memset(bytes, '\n', RECORD_JOINED_MAX * 3);
    memcpy(bytes, "1,\"", 3);
    bytes[3 + RECORD_LINES_MAX - 1] = '"';
    assert_int_equal(record_take(bytes, RECORD_LINES_MAX + 4, true, &two, &record), RECORD_ROW);
    assert_int_equal(record.lines, RECORD_LINES_MAX);
    bytes[3 + RECORD_LINES_MAX - 1] = '\n';
    bytes[3 + RECORD_LINES_MAX] = '"';
    assert_int_equal(record_take(bytes, RECORD_LINES_MAX + 5, true, &two, &record), RECORD_REPAIRED);
    /* and by bytes: one long line after another */
    memset(bytes + 3, 'x', RECORD_JOINED_MAX * 3 - 3);
    bytes[10] = '\n';
    assert_int_equal(record_take(bytes, RECORD_JOINED_MAX / 2, false, &two, &record), RECORD_MORE);
    assert_int_equal(record_take(bytes, RECORD_JOINED_MAX * 3, false, &two, &record), RECORD_REPAIRED);
    free(bytes);
}

/* However the bytes arrive, the records are the same. */
static void test_more_bytes_are_asked_for_until_it_is_clear(void **state)
{
    static const char bytes[] = "1,2,u,\"t\n2,2,\"one\ntwo\",t\n3,2,\"x,t\n4,2,u,t\n5,2,u,\"one\ntwo\"\n";
    const size_t len = sizeof bytes - 1;
    size_t at = 0;
    (void)state;
    while (at < len) {
        struct record whole = {0};
        struct record part = {0};
        enum record_kind kind = record_take(bytes + at, len - at, true, &four, &whole);
        for (size_t n = 0; n < len - at; n++) {
            enum record_kind early = record_take(bytes + at, n, false, &four, &part);
            if (early != RECORD_MORE) {
                assert_int_equal(early, kind);
                assert_int_equal(part.consumed, whole.consumed);
            }
        }
        at += whole.consumed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_rows),
        cmocka_unit_test(test_wrong_number_of_fields),
        cmocka_unit_test(test_a_missing_closing_quote_ends_with_its_line),
        cmocka_unit_test(test_the_repaired_value_has_no_line_end),
        cmocka_unit_test(test_a_value_over_several_lines),
        cmocka_unit_test(test_a_line_that_is_a_row_is_never_swallowed),
        cmocka_unit_test(test_quotes_that_do_not_match),
        cmocka_unit_test(test_the_id_tells_rows_from_text),
        cmocka_unit_test(test_how_far_a_value_is_followed),
        cmocka_unit_test(test_more_bytes_are_asked_for_until_it_is_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
