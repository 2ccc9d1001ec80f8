/* Log lines and errors: each line is one JSON object, whatever was logged. */
#include "unit.h"

#include "base/error.h"
#include "base/log.h"
#include "capture.h"
#include "json.h"

#include <errno.h>
#include <unistd.h>

static void log_three(const void *context)
{
    (void)context;
    log_debug("unseen");
    log_info("first", LOG_STR("host", "a\"b\n\xFF"), LOG_INT("port", -5), LOG_STR("none", ""));
    log_warn("second");
}

static void test_lines(void **state)
{
    (void)state;
    char *out = capture(STDERR_FILENO, log_three, NULL);
    assert_int_equal(occurrences(out, "\n"), 2);
    char *second = strchr(out, '\n') + 1;
    assert_true(json_is_valid(out, (size_t)(second - out)));
    assert_true(json_is_valid(second, strlen(second)));
    assert_non_null(strstr(out, ",\"level\":\"info\",\"event\":\"first\",\"host\":\"a\\\"b\\u000a\xEF\xBF\xBD\","
                                "\"port\":-5,\"none\":\"\"}\n"));
    assert_non_null(strstr(second, ",\"level\":\"warn\",\"event\":\"second\"}\n"));
    free(out);
}

static void log_levels(const void *context)
{
    log_set_level(*(const enum log_level *)context);
    log_debug("one");
    log_info("two");
    log_warn("three");
    log_error("four");
    log_set_level(LOG_INFO);
}

static void test_level(void **state)
{
    (void)state;
    for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        char *out = capture(STDERR_FILENO, log_levels, &level);
        assert_int_equal(occurrences(out, "\n"), LOG_ERROR - level + 1);
        free(out);
    }
}

static void test_level_names(void **state)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const bad[] = {"", "Info", "warning", "errors", "4"};
    enum log_level level;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        CHECK_ROW(names[i], log_level_parse(names[i], &level) && level == (enum log_level)i);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_ROW(bad[i], !log_level_parse(bad[i], &level));
    }
}

/* The replica is in every line from then on; so this comes after the others. */
static void test_replica(void **state)
{
    (void)state;
    log_set_replica("r\"1");
    char *out = capture(STDERR_FILENO, log_three, NULL);
    assert_int_equal(occurrences(out, ",\"replica\":\"r\\\"1\",\"event\":"), 2);
    free(out);
    log_set_replica(NULL);
}

/* Nobody reads the pipe, then somebody does: the caller never waits, and the gap is told. */
static void test_a_full_pipe(void **state)
{
    enum { LINES = 3000 };
    static char out[1 << 20];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    for (int i = 0; i < LINES; i++) {
        log_info("more", LOG_INT("i", i));
    }
    ssize_t len = read(ends[0], out, sizeof out - 1);
    assert_true(len > 0);
    out[len] = '\0';
    size_t written = occurrences(out, "\"event\":\"more\"");
    assert_in_range(written, 100, LINES - 100);
    log_info("after");
    dup2(saved, STDERR_FILENO);
    close(ends[1]);
    len = read(ends[0], out, sizeof out - 1);
    assert_true(len > 0);
    out[len] = '\0';
    char gap[64];
    snprintf(gap, sizeof gap, "\"event\":\"log_lines_dropped\",\"lines\":%zu}\n", LINES - written);
    assert_non_null(strstr(out, gap));
    assert_non_null(strstr(strstr(out, gap), "\"event\":\"after\"}\n"));
    close(ends[0]);
    close(saved);
}

static void test_error(void **state)
{
    struct error e = {0};
    char longer[1000];
    (void)state;
    assert_false(error_set(&e, ERROR_DATA, "row %d of %s", 7, "skus.csv"));
    assert_int_equal(e.code, ERROR_DATA);
    assert_string_equal(e.text, "row 7 of skus.csv");
    errno = ENOENT;
    assert_false(error_errno(&e, "cannot open '%s'", "x"));
    assert_int_equal(e.code, ERROR_SYSTEM);
    assert_string_equal(e.text, "cannot open 'x': No such file or directory");
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(error_set(&e, ERROR_LIMIT, "%s", longer));
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    errno = ENOENT;
    assert_false(error_errno(&e, "%s", longer));
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void test_broken_invariant(void **state)
{
    (void)state;
    ENSURE(true);
    CHECK_ABORTS(ENSURE(1 + 1 == 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_level), cmocka_unit_test(test_level_names),
        cmocka_unit_test(test_replica),     cmocka_unit_test(test_error), cmocka_unit_test(test_broken_invariant),
        cmocka_unit_test(test_a_full_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
