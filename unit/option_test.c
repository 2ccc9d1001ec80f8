/* The parser of options, on a table of its own; what it fills, what it refuses, and what it prints. */
#include "unit.h"

#include "base/option.h"
#include "capture.h"

struct values {
    const char *name, *place;
    int64_t limit;
    bool quiet;
    int64_t id;
};

static const struct option_row rows[] = {
    {"name", OPTION_STRING, offsetof(struct values, name), "somebody", 0, 0, "NAME", "Who it is"},
    {"work-place", OPTION_STRING, offsetof(struct values, place), NULL, 0, 0, "DIR", "Where it works"},
    {"limit", OPTION_INT, offsetof(struct values, limit), "10", -5, 100, "N", "How many"},
    {"quiet", OPTION_FLAG, offsetof(struct values, quiet), NULL, 0, 0, NULL, "Says nothing"},
    {"id", OPTION_INT, offsetof(struct values, id), "1", INT64_MIN, INT64_MAX, "ID", "Which one"},
};

static const struct option_table table = {
    .program = "unit",
    .usage = "[OPTION …]",
    .purpose = "Tests options.",
    .env_prefix = "UNIT",
    .rows = rows,
    .count = COUNT(rows),
};

static bool parse(const char *const words[], struct values *out, struct option_rest *rest, struct error *e)
{
    char *argv[24] = {(char *)(uintptr_t) "unit"};
    int argc = 1;
    for (; words[argc - 1]; argc++) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    }
    return options_parse(&table, out, argc, argv, rest, e);
}

static const struct accepted {
    const char *row;
    const char *words[6];
    const char *environment[4]; /* name, value, … */
    struct values expected;
} accepted[] = {
    {"nothing", {NULL}, {NULL}, {"somebody", "", 10, false, 1}},
    {"all", {"--name", "a", "--work-place=b", "--limit=7", "--quiet"}, {NULL}, {"a", "b", 7, true, 1}},
    {"smallest", {"--limit", "-5"}, {NULL}, {"somebody", "", -5, false, 1}},
    {"largest", {"--limit=100"}, {NULL}, {"somebody", "", 100, false, 1}},
    {"leading zeros", {"--limit=007"}, {NULL}, {"somebody", "", 7, false, 1}},
    {"the last one counts", {"--limit=1", "--limit=2"}, {NULL}, {"somebody", "", 2, false, 1}},
    {"all 64 bits", {"--id=9223372036854775807"}, {NULL}, {"somebody", "", 10, false, INT64_MAX}},
    {"all 64 bits, below", {"--id", "-9223372036854775808"}, {NULL}, {"somebody", "", 10, false, INT64_MIN}},
    {"an empty string", {"--name="}, {NULL}, {"", "", 10, false, 1}},
    {"an empty word", {"--name", ""}, {NULL}, {"", "", 10, false, 1}},
    {"a value with an equals sign", {"--name=a=b"}, {NULL}, {"a=b", "", 10, false, 1}},
    {"a value that looks like an option", {"--name", "--limit"}, {NULL}, {"--limit", "", 10, false, 1}},
    {"a flag set to 0", {"--quiet=0"}, {NULL}, {"somebody", "", 10, false, 1}},
    {"a flag set to 1", {"--quiet=1"}, {NULL}, {"somebody", "", 10, true, 1}},
    {"environment", {NULL}, {"UNIT_WORK_PLACE", "c", "UNIT_LIMIT", "3"}, {"somebody", "c", 3, false, 1}},
    {"flag in the environment", {NULL}, {"UNIT_QUIET", "1"}, {"somebody", "", 10, true, 1}},
    {"the command line wins", {"--limit=4"}, {"UNIT_LIMIT", "3"}, {"somebody", "", 4, false, 1}},
    {"an empty environment string", {NULL}, {"UNIT_NAME", ""}, {"", "", 10, false, 1}},
    {"other names in the environment", {NULL}, {"UNIT_LIMITS", "x", "LIMIT", "y"}, {"somebody", "", 10, false, 1}},
};

static const struct refused {
    const char *row;
    const char *words[3];
    const char *environment[4];
    const char *says[3];
} refused[] = {
    {"no number", {"--limit=ten"}, {NULL}, {"--limit", "'ten'", "from -5 to 100"}},
    {"a number and more", {"--limit=7s"}, {NULL}, {"'7s'"}},
    {"an empty number", {"--limit="}, {NULL}, {"''"}},
    {"a fraction", {"--limit=1.5"}, {NULL}, {"'1.5'"}},
    {"too small", {"--limit=-6"}, {NULL}, {"'-6'", "from -5"}},
    {"too large", {"--limit=101"}, {NULL}, {"'101'", "to 100"}},
    {"more than 64 bits, where all are accepted", {"--id=9223372036854775808"}, {NULL}, {"--id"}},
    {"more than 64 bits", {"--limit=9223372036854775808"}, {NULL}, {"'9223372036854775808'"}},
    {"less than 64 bits", {"--limit", "-9223372036854775809"}, {NULL}, {"'-9223372036854775809'"}},
    {"a flag that is neither", {"--quiet=yes"}, {NULL}, {"--quiet", "'yes'", "neither 1 nor 0"}},
    {"unknown", {"--limits=1"}, {NULL}, {"--limits", "not an option of unit"}},
    {"a prefix of a name", {"--lim", "1"}, {NULL}, {"--lim "}},
    {"no name", {"--"}, {NULL}, {"not an option"}},
    {"a missing value", {"--name"}, {NULL}, {"--name needs a value: NAME"}},
    {"a missing number", {"--quiet", "--limit"}, {NULL}, {"--limit needs a value: N"}},
    {"a bad environment", {NULL}, {"UNIT_LIMIT", "x"}, {"UNIT_LIMIT", "'x'"}},
    {"an empty number in the environment", {NULL}, {"UNIT_LIMIT", ""}, {"UNIT_LIMIT"}},
    {"a bad flag in the environment", {NULL}, {"UNIT_QUIET", "true"}, {"UNIT_QUIET", "'true'"}},
};

static void set_environment(const char *const pairs[4])
{
    static const char *const all[] = {"UNIT_NAME", "UNIT_WORK_PLACE", "UNIT_LIMIT", "UNIT_QUIET"};
    for (size_t i = 0; i < COUNT(all); i++) {
        unsetenv(all[i]);
    }
    for (size_t i = 0; i < 4 && pairs[i]; i += 2) {
        setenv(pairs[i], pairs[i + 1], 1);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        const struct accepted *a = &accepted[i];
        struct values v;
        struct option_rest rest;
        struct error e = {0};
        memset(&v, 0xAA, sizeof v);
        set_environment(a->environment);
        CHECK_ROW(a->row, parse(a->words, &v, &rest, &e));
        CHECK_ROW(a->row, strcmp(v.name, a->expected.name) == 0);
        CHECK_ROW(a->row, strcmp(v.place, a->expected.place) == 0);
        CHECK_ROW(a->row, v.limit == a->expected.limit);
        CHECK_ROW(a->row, v.quiet == a->expected.quiet);
        CHECK_ROW(a->row, v.id == a->expected.id);
        CHECK_ROW(a->row, rest.count == 0 && !rest.help && !rest.reference);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct refused *r = &refused[i];
        struct values v;
        struct option_rest rest;
        struct error e = {0};
        set_environment(r->environment);
        CHECK_ROW(r->row, !parse(r->words, &v, &rest, &e));
        CHECK_ROW(r->row, e.code == ERROR_USAGE);
        for (size_t k = 0; k < 3 && r->says[k]; k++) {
            CHECK_ROW(r->row, strstr(e.text, r->says[k]));
        }
    }
}

static void test_rest(void **state)
{
    static const char *const words[] = {"import", "--limit=3", "-x", "--help", "dir", "--help-markdown", NULL};
    struct values v;
    struct option_rest rest;
    struct error e = {0};
    (void)state;
    set_environment((const char *const[4]){NULL});
    assert_true(parse(words, &v, &rest, &e));
    assert_int_equal(v.limit, 3);
    assert_int_equal(rest.count, 3);
    assert_string_equal(rest.words[0], "import");
    assert_string_equal(rest.words[1], "-x");
    assert_string_equal(rest.words[2], "dir");
    assert_true(rest.help && rest.reference);
}

static void test_too_many_words(void **state)
{
    static const char *const words[] = {"1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",    "9",
                                        "10", "11", "12", "13", "14", "15", "16", "last", NULL};
    struct values v;
    struct option_rest rest;
    struct error e = {0};
    (void)state;
    assert_false(parse(words, &v, &rest, &e));
    assert_non_null(strstr(e.text, "'last'"));
    assert_true(parse(words + 1, &v, &rest, &e));
    assert_int_equal(rest.count, 16);
}

static void print_help(const void *context)
{
    options_print_help(context);
}

static void print_reference(const void *context)
{
    options_print_reference(context);
}

/* Both list each row of the table, once, and nothing else but --help itself. */
static void test_prints_the_table(void **state)
{
    char *help = capture(STDOUT_FILENO, print_help, &table);
    char *reference = capture(STDOUT_FILENO, print_reference, &table);
    (void)state;
    assert_int_equal(occurrences(help, "\n  --"), COUNT(rows) + 1);
    assert_int_equal(occurrences(reference, "\n| `--"), COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        char word[64];
        CHECK_ROW(rows[i].name, occurrences(help, rows[i].help) == 1 && occurrences(reference, rows[i].help) == 1);
        snprintf(word, sizeof word, "  --%s ", rows[i].name);
        CHECK_ROW(rows[i].name, occurrences(help, word) == 1);
        snprintf(word, sizeof word, "| `--%s` |", rows[i].name);
        CHECK_ROW(rows[i].name, occurrences(reference, word) == 1);
    }
    assert_non_null(strstr(help, "Usage: unit [OPTION …]\nTests options.\n"));
    assert_non_null(strstr(help, "--limit N"));
    assert_non_null(strstr(help, "How many. Default: 10.\n"));
    assert_non_null(strstr(reference, "| `--work-place` | `UNIT_WORK_PLACE` | – | DIR | Where it works |\n"));
    assert_non_null(strstr(reference, "| `--limit` | `UNIT_LIMIT` | 10 | -5…100 | How many |\n"));
    assert_non_null(strstr(reference, "| `--quiet` | `UNIT_QUIET` | – | flag | Says nothing |\n"));
    free(help);
    free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),       cmocka_unit_test(test_refused),          cmocka_unit_test(test_rest),
        cmocka_unit_test(test_too_many_words), cmocka_unit_test(test_prints_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
