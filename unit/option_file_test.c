/* Options from a file: what its lines may be, who wins, and what is taken over when it is read again. */
#include "unit.h"

#include "base/option.h"

#include <unistd.h>

struct values {
    const char *name, *greeting, *file;
    int64_t limit;
    bool quiet;
};

static const struct option_row rows[] = {
    {"name", OPTION_STRING, offsetof(struct values, name), "somebody", 0, 0, "NAME", "Who it is"},
    {"greeting", OPTION_STRING, offsetof(struct values, greeting), "hello", 0, 0, "TEXT", "What it says"},
    {"limit", OPTION_INT, offsetof(struct values, limit), "10", -5, 100, "N", "How many"},
    {"quiet", OPTION_FLAG, offsetof(struct values, quiet), NULL, 0, 0, NULL, "Says nothing"},
    {"options-file", OPTION_FILE, offsetof(struct values, file), "", 0, 0, "FILE", "Options, too"},
};

static const char *const live[] = {"greeting", "limit", NULL};

static const struct option_table table = {
    .program = "unit",
    .usage = "[OPTION …]",
    .purpose = "Tests options.",
    .env_prefix = "UNIT",
    .rows = rows,
    .count = COUNT(rows),
    .live = live,
};

static char path[] = "/tmp/atelier-unit-XXXXXX";

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* With this text in the file, and one more word on the command line. */
static bool parse(const char *text, const char *word, struct values *out, struct option_rest *rest, struct error *e)
{
    char *argv[] = {(char *)(uintptr_t) "unit", (char *)(uintptr_t) "--options-file", path, (char *)(uintptr_t)word};
    write_file(text, strlen(text));
    return options_parse(&table, out, word ? 4 : 3, argv, rest, e);
}

static const struct accepted {
    const char *row, *text, *word, *environment; /* UNIT_NAME */
    struct values expected;
} accepted[] = {
    {"empty", "", NULL, NULL, {"somebody", "hello", NULL, 10, false}},
    {"lines", "UNIT_NAME=a\nUNIT_LIMIT=7\nUNIT_QUIET=1\n", NULL, NULL, {"a", "hello", NULL, 7, true}},
    {"no newline at the end", "UNIT_NAME=a", NULL, NULL, {"a", "hello", NULL, 10, false}},
    {"comments and blanks",
     "# UNIT_NAME=a\n\n ; x\n \t\nUNIT_NAME=b # c\n",
     NULL,
     NULL,
     {"b # c", "hello", NULL, 10, false}},
    {"spaces around", "  UNIT_NAME=  a b  \r\n", NULL, NULL, {"a b", "hello", NULL, 10, false}},
    {"quotes", "UNIT_NAME=\" a 'b' \"\nUNIT_GREETING='\"'\n", NULL, NULL, {" a 'b' ", "\"", NULL, 10, false}},
    {"quotes inside", "UNIT_NAME=host='a b'\n", NULL, NULL, {"host='a b'", "hello", NULL, 10, false}},
    {"an empty value", "UNIT_NAME=\nUNIT_GREETING=\"\"\n", NULL, NULL, {"", "", NULL, 10, false}},
    {"an equals sign", "UNIT_NAME=a=b\n", NULL, NULL, {"a=b", "hello", NULL, 10, false}},
    {"the last one counts", "UNIT_NAME=a\nUNIT_NAME=b\n", NULL, NULL, {"b", "hello", NULL, 10, false}},
    {"the command line wins", "UNIT_LIMIT=7\n", "--limit=8", NULL, {"somebody", "hello", NULL, 8, false}},
    {"the environment wins", "UNIT_NAME=a\n", NULL, "e", {"e", "hello", NULL, 10, false}},
    {"the command line wins over both", "UNIT_NAME=a\n", "--name=c", "e", {"c", "hello", NULL, 10, false}},
};

static const struct refused {
    const char *row, *text, *says[3];
} refused[] = {
    {"no name", "\nlimit 7\n", {" line 2: ", "'limit 7'", "NAME=value"}},
    {"unknown", "UNIT_LIMITS=7\n", {" line 1: ", "'UNIT_LIMITS'", "takes from a file"}},
    {"another program's", "PATH=/bin\n", {"'PATH'"}},
    {"a file that names a file", "UNIT_OPTIONS_FILE=/x\n", {"'UNIT_OPTIONS_FILE'"}},
    {"a space before the equals sign", "UNIT_LIMIT =7\n", {"'UNIT_LIMIT '"}},
    {"no number", "# x\nUNIT_LIMIT=x\n", {" line 2: UNIT_LIMIT", "'x'", "from -5 to 100"}},
    {"an open quote", "UNIT_NAME=\"a\n", {" line 1: ", "UNIT_NAME", "quotes"}},
    {"only a quote", "UNIT_NAME='\n", {"quotes"}},
    {"more after the quote", "UNIT_NAME='a'b\n", {"quotes"}},
    {"a backslash", "UNIT_NAME=a\\\nb\n", {" line 1: ", "backslash"}},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        const struct accepted *a = &accepted[i];
        struct values v;
        struct option_rest rest;
        struct error e = {0};
        unsetenv("UNIT_NAME");
        if (a->environment) {
            setenv("UNIT_NAME", a->environment, 1);
        }
        CHECK_ROW(a->row, parse(a->text, a->word, &v, &rest, &e));
        CHECK_ROW(a->row, strcmp(v.name, a->expected.name) == 0);
        CHECK_ROW(a->row, strcmp(v.greeting, a->expected.greeting) == 0);
        CHECK_ROW(a->row, v.limit == a->expected.limit);
        CHECK_ROW(a->row, v.quiet == a->expected.quiet);
        CHECK_ROW(a->row, strcmp(v.file, path) == 0);
        free(rest.file);
    }
    unsetenv("UNIT_NAME");
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct refused *r = &refused[i];
        struct values v;
        struct option_rest rest;
        struct error e = {0};
        CHECK_ROW(r->row, !parse(r->text, NULL, &v, &rest, &e));
        CHECK_ROW(r->row, e.code == ERROR_USAGE && strstr(e.text, path));
        for (size_t k = 0; k < COUNT(r->says) && r->says[k]; k++) {
            CHECK_ROW(r->row, strstr(e.text, r->says[k]));
        }
    }
}

static void test_what_is_no_text(void **state)
{
    static char large[70000];
    char *argv[] = {(char *)(uintptr_t) "unit", (char *)(uintptr_t) "--options-file", path};
    struct values v;
    struct option_rest rest;
    struct error e = {0};
    (void)state;
    memset(large, '\n', sizeof large);
    write_file(large, sizeof large);
    assert_false(options_parse(&table, &v, 3, argv, &rest, &e));
    write_file("UNIT_NAME=a\0b\n", 14);
    assert_false(options_parse(&table, &v, 3, argv, &rest, &e));
    assert_non_null(strstr(e.text, "no text"));
    argv[2] = (char *)(uintptr_t) "/no/such/file";
    assert_false(options_parse(&table, &v, 3, argv, &rest, &e));
    assert_non_null(strstr(e.text, "'/no/such/file'"));
}

/* What is live is taken over and outlives the file's text; what is not stays. */
static void test_read_again(void **state)
{
    struct values current;
    struct values fresh;
    struct option_rest first;
    struct option_rest second;
    struct error e = {0};
    (void)state;
    assert_true(parse("UNIT_NAME=a\nUNIT_LIMIT=7\n", NULL, &current, &first, &e));
    assert_true(parse("UNIT_NAME=b\nUNIT_LIMIT=8\nUNIT_GREETING=moin\nUNIT_QUIET=1\n", NULL, &fresh, &second, &e));
    assert_true(options_keep_strings(&table, &current, &fresh, &e));
    assert_int_equal(options_take_live(&table, &current, &fresh), 2);
    assert_int_equal(options_take_live(&table, &current, &fresh), 0);
    memset(second.file, 'x', strlen("UNIT_NAME=b\nUNIT_LIMIT=8\nUNIT_GREETING=moin"));
    free(second.file);
    assert_string_equal(current.greeting, "moin");
    assert_string_equal(current.name, "a");
    assert_int_equal(current.limit, 8);
    assert_false(current.quiet);
    free((char *)(uintptr_t)current.greeting);
    free(first.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_read_again),
    };
    int fd = mkstemp(path);
    int failed = fd < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    close(fd);
    unlink(path);
    return failed;
}
