/* What each kind of column accepts, and what it does not. */
#include "unit.h"

#include "load/value.h"

#define EACH(list, i) for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++)

static void test_ids(void **state)
{
    static const char *const no[] = {"",
                                     "0",
                                     "-1",
                                     "+1",
                                     "01",
                                     "1.0",
                                     "1 ",
                                     " 1",
                                     "1e3",
                                     "abc",
                                     "9223372036854775808",
                                     "18446744073709551617",
                                     "99999999999999999999"};
    int64_t id;
    (void)state;
    assert_true(value_id("1", 1, &id) && id == 1);
    assert_true(value_id("1000011", 7, &id) && id == 1000011);
    assert_true(value_id("9223372036854775807", 19, &id) && id == INT64_MAX);
    EACH(no, i)
    {
        assert_false(value_id(no[i], strlen(no[i]), &id));
    }
}

static void test_prices(void **state)
{
    static const char *const yes[] = {"0", "0.00", "140", "140.5", "19.99", "500000000", "9999999999.99", "0000000001"};
    static const char *const no[] = {"",    "-1",  "-0",  "1.005",    "1.000", "10000000000", "1.",    ".5",
                                     "1,5", "1e3", "NaN", "Infinity", "$5",    "5 ",          "1.5.5", "0x10"};
    (void)state;
    EACH(yes, i)
    {
        assert_true(value_price(yes[i], strlen(yes[i])));
    }
    EACH(no, i)
    {
        assert_false(value_price(no[i], strlen(no[i])));
    }
}

static void test_quantities(void **state)
{
    static const char *const yes[] = {"0", "8", "2147483647", "007"};
    static const char *const no[] = {"", "-1", "2147483648", "3.5", "99999999999999999999", "many"};
    (void)state;
    EACH(yes, i)
    {
        assert_true(value_quantity(yes[i], strlen(yes[i])));
    }
    EACH(no, i)
    {
        assert_false(value_quantity(no[i], strlen(no[i])));
    }
}

static void test_flags(void **state)
{
    static const char *const no[] = {"", "2", "yes", "t", "truee", "01"};
    bool flag;
    (void)state;
    assert_true(value_flag("1", 1, &flag) && flag);
    assert_true(value_flag("TRUE", 4, &flag) && flag);
    assert_true(value_flag("0", 1, &flag) && !flag);
    assert_true(value_flag("false", 5, &flag) && !flag);
    EACH(no, i)
    {
        assert_false(value_flag(no[i], strlen(no[i]), &flag));
    }
}

static void test_text(void **state)
{
    static const char *const yes[] = {"",
                                      "plain",
                                      "a much longer plain text",
                                      "Caf\xC3\xA9 \xE2\x98\x95",
                                      "\xE5\xB8\xBD\xE5\xAD\x90 and then more",
                                      "\xF0\x9F\x91\x97",
                                      "\xEF\xBF\xBF",
                                      "\x7F\x01\t\n",
                                      "\xED\x9F\xBF",
                                      "\xEE\x80\x80",
                                      "\xF4\x8F\xBF\xBF"};
    static const char *const no[] = {"\xE9",
                                     "caf\xE9 and more text",
                                     "\xC3",
                                     "\xC3(",
                                     "\x80",
                                     "\xC0\x80", /* overlong */
                                     "\xC1\xBF",
                                     "\xE0\x9F\xBF",
                                     "\xF0\x8F\xBF\xBF",
                                     "\xED\xA0\x80", /* a surrogate */
                                     "\xF4\x90\x80\x80",
                                     "\xF5\x80\x80\x80",
                                     "\xFF",
                                     "12345678\xFF",
                                     "1234567\xFF",
                                     "\xE2\x98"};
    (void)state;
    EACH(yes, i)
    {
        assert_true(value_text(yes[i], strlen(yes[i])));
    }
    EACH(no, i)
    {
        assert_false(value_text(no[i], strlen(no[i])));
    }
}

static void test_text_has_no_nul_wherever_it_stands(void **state)
{
    char text[20];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        memset(text, 'x', sizeof text);
        assert_true(value_text(text, sizeof text));
        text[i] = '\0';
        assert_false(value_text(text, sizeof text));
        text[i] = '\x80';
        assert_false(value_text(text, sizeof text));
        text[i] = '\x01'; /* beside a byte that borrows in the eight-at-once test */
        assert_true(value_text(text, sizeof text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_quantities), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_text),       cmocka_unit_test(test_text_has_no_nul_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
