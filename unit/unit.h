/* What every unit test includes: cmocka with the headers that it needs before it, and a few checks of our own. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* In a test that walks through a table: a failure names the row. */
#define CHECK_ROW(row, condition)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fail_msg("row '%s': %s", row, #condition);                                                                 \
        }                                                                                                              \
    } while (0)

/* Bytes as they are, so that a failure shows both sides. */
static inline void check_bytes(const char *row, const char *came, size_t len, const char *expected, size_t expected_len)
{
    if (len != expected_len || (len && memcmp(came, expected, len) != 0)) {
        fail_msg("row '%s':\n  came     %.*s\n  expected %.*s", row, (int)len, came, (int)expected_len, expected);
    }
}

/* A broken invariant ends the process (base/error.h): runs it in a child and expects that. */
#define CHECK_ABORTS(statement)                                                                                        \
    do {                                                                                                               \
        fflush(NULL);                                                                                                  \
        pid_t child = fork();                                                                                          \
        assert_true(child >= 0);                                                                                       \
        if (child == 0) {                                                                                              \
            close(STDERR_FILENO);                                                                                      \
            signal(SIGABRT, SIG_DFL);                                                                                  \
            statement;                                                                                                 \
            _exit(0);                                                                                                  \
        }                                                                                                              \
        int status;                                                                                                    \
        assert_int_equal(waitpid(child, &status, 0), child);                                                           \
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {                                                     \
            fail_msg("%s does not abort", #statement);                                                                 \
        }                                                                                                              \
    } while (0)

/* Seeded pseudo-random numbers (splitmix64, S. Vigna): the same sequence in every run. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
