/* The server's own table of options: what the parser cannot know about it. */
#include "unit.h"

#include "options.h"

static void forget_environment(void)
{
    char env[96];
    for (size_t i = 0; i < atelierd_options.count; i++) {
        size_t used = (size_t)snprintf(env, sizeof env, "ATELIERD_%s", atelierd_options.rows[i].name);
        for (size_t k = 0; k < used; k++) {
            env[k] = env[k] == '-' ? '_' : env[k] >= 'a' && env[k] <= 'z' ? (char)(env[k] - 32) : env[k];
        }
        unsetenv(env);
    }
}

static bool parse(const char *name, const char *value, struct options *out)
{
    char word[128];
    char *argv[] = {(char *)(uintptr_t) "atelierd", word, NULL};
    struct option_rest rest;
    struct error e;
    snprintf(word, sizeof word, "--%s=%s", name, value);
    return options_parse(&atelierd_options, out, name ? 2 : 1, argv, &rest, &e);
}

static void test_defaults_are_accepted(void **state)
{
    struct options o;
    (void)state;
    forget_environment();
    assert_true(parse(NULL, NULL, &o));
    assert_string_equal(o.serve.listen, "127.0.0.1:9001");
    assert_string_equal(o.refresh.conninfo, "");
    assert_int_equal(o.drain_timeout_ms, 10000);
    assert_false(o.serve.proxy_protocol);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < atelierd_options.count; i++) {
        const struct option_row *row = &atelierd_options.rows[i];
        CHECK_ROW(row->name, row->help && *row->help && row->help[strlen(row->help) - 1] != '.');
        CHECK_ROW(row->name, (row->kind == OPTION_FLAG) == (row->value == NULL));
        CHECK_ROW(row->name, row->kind != OPTION_INT || (row->fallback && row->min < row->max));
        for (size_t k = 0; k < i; k++) {
            CHECK_ROW(row->name, strcmp(row->name, atelierd_options.rows[k].name) != 0);
            CHECK_ROW(row->name, row->offset != atelierd_options.rows[k].offset);
        }
    }
}

/* Each whole number is taken at both ends of its range, and refused one step beyond. */
static void test_ranges(void **state)
{
    struct options o;
    (void)state;
    for (size_t i = 0; i < atelierd_options.count; i++) {
        const struct option_row *row = &atelierd_options.rows[i];
        const int64_t values[] = {row->min, row->max, row->min - 1, row->max + 1};
        for (size_t k = 0; row->kind == OPTION_INT && k < COUNT(values); k++) {
            char value[32];
            int64_t took;
            snprintf(value, sizeof value, "%lld", (long long)values[k]);
            CHECK_ROW(row->name, parse(row->name, value, &o) == (k < 2));
            memcpy(&took, (const char *)&o + row->offset, sizeof took);
            CHECK_ROW(row->name, k >= 2 || took == values[k]);
        }
    }
}

/* Every name that can change while it runs is an option's. */
static void test_live(void **state)
{
    (void)state;
    for (const char *const *name = atelierd_options.live; *name; name++) {
        size_t found = 0;
        for (size_t i = 0; i < atelierd_options.count; i++) {
            found += strcmp(atelierd_options.rows[i].name, *name) == 0;
        }
        CHECK_ROW(*name, found == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_accepted),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
