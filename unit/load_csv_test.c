/* One record split into fields. */
#include "unit.h"

#include "load/csv.h"

struct expected {
    const char *record;
    enum csv_end end;
    const char *fields[6]; /* ends with NULL; `|` before a field: it is quoted */
};

static const struct expected cases[] = {
    {"", CSV_COMPLETE, {""}},
    {"1,2,3", CSV_COMPLETE, {"1", "2", "3"}},
    {"1, 2 ,\t3\t", CSV_COMPLETE, {"1", "2", "3"}},
    {"1,,", CSV_COMPLETE, {"1", "", ""}},
    {"a b,c  d", CSV_COMPLETE, {"a b", "c  d"}},
    {"19\" wheel,x", CSV_COMPLETE, {"19\" wheel", "x"}},
    {"\"a\",\"b\"", CSV_COMPLETE, {"|a", "|b"}},
    {" \"a\" , \"b\" ", CSV_COMPLETE, {"|a", "|b"}},
    {"\" a \",\"\"", CSV_COMPLETE, {"| a ", "|"}},
    {"\"a,b\",c", CSV_COMPLETE, {"|a,b", "c"}},
    {"\"a\nb\",c", CSV_COMPLETE, {"|a\nb", "c"}},
    {"\"say \"\"hi\"\"\",c", CSV_COMPLETE, {"|say \"hi\"", "c"}},
    {"\"\"\"\"", CSV_COMPLETE, {"|\""}},
    {"1,\"abc", CSV_OPEN, {"1", "|abc"}},
    {"1,\"", CSV_OPEN, {"1", "|"}},
    {"1,\"a\"\"", CSV_OPEN, {"1", "|a\""}},
    {"\"a,b\nc,\"\"d", CSV_OPEN, {"|a,b\nc,\"d"}},
    {"\"5\" wide\",x", CSV_JUNK, {"|5"}},
    {"1,\"a\"b,2", CSV_JUNK, {"1", "|a"}},
};

static void check_field(const struct csv_field *field, const char *expected)
{
    char text[64];
    const bool quoted = *expected == '|';
    size_t len = field->len;
    memcpy(text, field->at, len);
    if (field->doubled) {
        len = csv_unquote(field, text);
    }
    assert_int_equal(field->quoted, quoted);
    assert_int_equal(len, strlen(expected + quoted));
    assert_memory_equal(text, expected + quoted, len);
}

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct expected *c = &cases[i];
        struct csv_row row;
        assert_int_equal(csv_split(c->record, strlen(c->record), &row), c->end);
        for (size_t f = 0; c->fields[f]; f++) {
            assert_true(f < row.count);
            check_field(&row.fields[f], c->fields[f]);
        }
        assert_true(row.count == 6 || !c->fields[row.count]);
    }
}

static void test_more_fields_than_are_kept_are_counted_as_one_more(void **state)
{
    char record[2 * CSV_FIELDS_MAX + 40];
    struct csv_row row;
    (void)state;
    memset(record, ',', sizeof record);
    assert_int_equal(csv_split(record, CSV_FIELDS_MAX - 1, &row), CSV_COMPLETE);
    assert_int_equal(row.count, CSV_FIELDS_MAX);
    assert_int_equal(csv_split(record, CSV_FIELDS_MAX, &row), CSV_COMPLETE);
    assert_int_equal(row.count, CSV_FIELDS_MAX + 1);
    assert_int_equal(csv_split(record, sizeof record, &row), CSV_COMPLETE);
    assert_int_equal(row.count, CSV_FIELDS_MAX + 1);
}

static void test_bytes_after_the_record_are_not_read(void **state)
{
    struct csv_row row;
    (void)state;
    assert_int_equal(csv_split("\"ab\"\"cd", 4, &row), CSV_COMPLETE);
    assert_int_equal(row.fields[0].len, 2);
    assert_int_equal(csv_split("12,34", 2, &row), CSV_COMPLETE);
    assert_int_equal(row.count, 1);
}

static bool is_null(const char *record)
{
    struct csv_row row;
    csv_split(record, strlen(record), &row);
    return csv_is_null(&row.fields[0]);
}

static void test_only_the_bare_word_null_is_a_missing_value(void **state)
{
    (void)state;
    assert_true(is_null("null"));
    assert_true(is_null("  null "));
    assert_false(is_null("\"null\""));
    assert_false(is_null("NULL"));
    assert_false(is_null("nulls"));
    assert_false(is_null(""));
}

static bool is_digits(const char *record)
{
    struct csv_row row;
    csv_split(record, strlen(record), &row);
    return csv_is_digits(&row.fields[0]);
}

static void test_digits(void **state)
{
    (void)state;
    assert_true(is_digits("0123456789"));
    assert_false(is_digits(""));
    assert_false(is_digits("1a"));
    assert_false(is_digits("-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_more_fields_than_are_kept_are_counted_as_one_more),
        cmocka_unit_test(test_bytes_after_the_record_are_not_read),
        cmocka_unit_test(test_only_the_bare_word_null_is_a_missing_value),
        cmocka_unit_test(test_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
