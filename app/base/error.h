/* The one error type. A function that can fail returns bool and takes a `struct error *` last:
 * true means done; false means nothing was changed and the error says what happened, in a
 * sentence that names what came and what is accepted. Bugs are not errors: they are ENSURE(). */
#pragma once
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_code {
    ERROR_NONE,
    ERROR_USAGE,       /* the caller asked for something that is not accepted */
    ERROR_SYSTEM,      /* the operating system refused */
    ERROR_POSTGRES,    /* Postgres refused, or the connection broke */
    ERROR_UNREACHABLE, /* Postgres did not answer in time */
    ERROR_DATA,        /* a row or a file is not what it should be */
    ERROR_LIMIT,       /* a configured limit was reached */
    ERROR_STOPPED,     /* the program was told to stop */
};

struct error {
    enum error_code code;
    char text[480];
};

/* Fills the error; always returns false, so that `return error_set(…)` reads as the failure. */
bool error_set(struct error *e, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As error_set, with ": <strerror(errno)>" after the text. */
bool error_errno(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An invariant, kept in release builds: says where and ends the process at once. */
#define ENSURE(condition)                                                                                              \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0)) {                                                                       \
            ensure_failed(__FILE__, __LINE__, #condition);                                                             \
        }                                                                                                              \
    } while (0)
_Noreturn void ensure_failed(const char *file, int line, const char *condition);
