/* Growable text: growth, failure, and JSON strings from bytes of any kind. */
#include "unit.h"

#include "allocation.h"
#include "base/text.h"

#define BYTES(literal) literal, sizeof literal - 1
#define BAD "\xEF\xBF\xBD" /* U+FFFD in UTF-8 */

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
    const char *json; /* between the quotes */
} strings[] = {
    {"empty", BYTES(""), ""},
    {"plain", BYTES("Bold Boots 40/41 <&'>"), "Bold Boots 40/41 <&'>"},
    {"quote", BYTES("19\" wheel"), "19\\\" wheel"},
    {"backslash", BYTES("a\\b\\"), "a\\\\b\\\\"},
    {"control characters", BYTES("\x01\b\t\n\f\r\x1F"), "\\u0001\\u0008\\u0009\\u000a\\u000c\\u000d\\u001f"},
    {"NUL", BYTES("a\0b"), "a\\u0000b"},
    {"DEL", BYTES("\x7F"), "\\u007f"},
    {"two bytes", BYTES("\xC2\x80\xC3\xA9\xDF\xBF"), "\xC2\x80\xC3\xA9\xDF\xBF"},
    {"three bytes", BYTES("\xE0\xA0\x80\xE2\x82\xAC\xEF\xBF\xBF"), "\xE0\xA0\x80\xE2\x82\xAC\xEF\xBF\xBF"},
    {"line separator", BYTES("\xE2\x80\xA8"), "\xE2\x80\xA8"},
    {"four bytes", BYTES("\xF0\x90\x80\x80\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF"),
     "\xF0\x90\x80\x80\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF"},
    {"around surrogates", BYTES("\xED\x9F\xBF\xEE\x80\x80"), "\xED\x9F\xBF\xEE\x80\x80"},
    /* what is not UTF-8 */
    {"lone continuation", BYTES("a\x80z"), "a" BAD "z"},
    {"two bytes too long for ASCII", BYTES("\xC0\xAF\xC1\xBF"), BAD BAD BAD BAD},
    {"three bytes too long", BYTES("\xE0\x9F\xBF"), BAD BAD BAD},
    {"four bytes too long", BYTES("\xF0\x8F\xBF\xBF"), BAD BAD BAD BAD},
    {"surrogate", BYTES("\xED\xA0\x80"), BAD BAD BAD},
    {"above U+10FFFF", BYTES("\xF4\x90\x80\x80"), BAD BAD BAD BAD},
    {"no lead byte at all", BYTES("\xF5\xFE\xFF"), BAD BAD BAD},
    {"cut at the end, of two", BYTES("a\xC3"), "a" BAD},
    {"cut at the end, of three", BYTES("a\xE2\x82"), "a" BAD BAD},
    {"cut at the end, of four", BYTES("a\xF0\x9F\x98"), "a" BAD BAD BAD},
    {"cut by another", BYTES("\xE2\x82z\xC3\xC3\xA9"), BAD BAD "z" BAD "\xC3\xA9"},
    {"third byte wrong", BYTES("\xE2\x82\xC3"), BAD BAD BAD},
    {"fourth byte wrong", BYTES("\xF0\x9F\x98z"), BAD BAD BAD "z"},
};

static void test_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        struct text expected = {0};
        struct text t = {0};
        text_printf(&expected, "\"%s\"", strings[i].json);
        text_json(&t, strings[i].bytes, strings[i].len);
        check_bytes(strings[i].name, t.at, t.len, expected.at, expected.len);
        text_fini(&t);
        text_fini(&expected);
    }
}

/* No byte before the end may be read: the sanitizer watches the exact size. */
static void test_json_reads_no_further(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        char *byte = malloc(1);
        struct text t = {0};
        assert_non_null(byte);
        *byte = (char)first;
        text_json(&t, byte, 1);
        assert_true(t.len >= 3 && t.at[0] == '"' && t.at[t.len - 1] == '"');
        free(byte);
        text_fini(&t);
    }
}

static void test_grows(void **state)
{
    struct text t = {0};
    (void)state;
    for (int i = 0; i < 10000; i++) {
        char byte = (char)('a' + i % 26);
        text_add(&t, &byte, 1);
        assert_int_equal(t.at[t.len], 0);
    }
    assert_int_equal(t.len, 10000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(t.at[i], 'a' + i % 26);
    }
    text_fini(&t);
    assert_null(t.at);
}

static void test_pieces(void **state)
{
    struct text t = {0};
    char filler[300];
    (void)state;
    memset(filler, 'x', sizeof filler);
    text_str(&t, "");
    assert_string_equal(t.at, "");
    text_add(&t, NULL, 0);
    text_str(&t, "id=");
    text_printf(&t, "%d,%s", 42, "");
    text_printf(&t, "%.*s", (int)sizeof filler, filler);
    text_add(&t, "\0", 1);
    assert_int_equal(t.len, 6 + sizeof filler + 1);
    assert_memory_equal(t.at, "id=42,xxx", 9);
    assert_false(t.failed);
    text_fini(&t);
}

static void test_clear(void **state)
{
    struct text t = {0};
    (void)state;
    text_clear(&t);
    assert_null(t.at);
    text_str(&t, "before");
    const char *storage = t.at;
    t.failed = true;
    text_clear(&t);
    assert_false(t.failed);
    assert_int_equal(t.len, 0);
    assert_string_equal(t.at, "");
    text_str(&t, "after");
    assert_ptr_equal(t.at, storage);
    assert_string_equal(t.at, "after");
    text_fini(&t);
}

static void test_no_memory(void **state)
{
    struct text t = {0};
    char filler[300] = {0};
    (void)state;
    allocation_fail_at(1);
    text_str(&t, "lost");
    assert_true(t.failed && t.len == 0);
    text_clear(&t);
    text_str(&t, "kept");
    allocation_fail_at(1);
    text_add(&t, filler, sizeof filler);
    assert_true(t.failed);
    /* It stays failed, even where there would be room. */
    text_str(&t, "x");
    text_printf(&t, "%d", 1);
    text_json(&t, "x", 1);
    assert_true(t.failed);
    assert_string_equal(t.at, "kept");
    text_fini(&t);
}

static void test_absurd_length(void **state)
{
    static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 2};
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct text t = {0};
        text_str(&t, "kept");
        text_add(&t, "", lengths[i]);
        assert_true(t.failed);
        assert_string_equal(t.at, "kept");
        text_fini(&t);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        const char *from;
        bool taken;
        uint64_t number;
        const char *rest;
    } rows[] = {
        {"0", true, 0, ""},
        {"007.5", true, 7, ".5"},
        {"18446744073709551615,", true, UINT64_MAX, ","},
        {"18446744073709551616", false, 0, NULL},
        {"", false, 0, NULL},
        {"-1", false, 0, NULL},
        {" 1", false, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *at = rows[i].from;
        uint64_t number = 0;
        CHECK_ROW(rows[i].from, text_take_number(&at, at + strlen(at), &number) == rows[i].taken);
        CHECK_ROW(rows[i].from, !rows[i].taken || (number == rows[i].number && strcmp(at, rows[i].rest) == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),          cmocka_unit_test(test_json_reads_no_further),
        cmocka_unit_test(test_grows),         cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_clear),         cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_absurd_length), cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
