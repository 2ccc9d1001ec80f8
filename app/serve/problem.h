/* Problems: every error answer is a row here and goes out as RFC 9457 application/problem+json. */
#pragma once
#include "base/log.h"
#include "base/text.h"

enum problem {
    PROBLEM_BAD_PARAMETER,
    PROBLEM_BAD_HEADER,
    PROBLEM_BAD_REQUEST,
    PROBLEM_UNKNOWN_PRODUCT,
    PROBLEM_NO_ROUTE,
    PROBLEM_METHOD,
    PROBLEM_NOT_ACCEPTABLE,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_URI_TOO_LONG,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_NOT_LOADED,
    PROBLEM_NOT_FRESH,
    PROBLEM_UNAVAILABLE,
    PROBLEM_INTERNAL,
    PROBLEMS
};

struct problem_row {
    const char *slug; /* type is urn:atelier:problem:<slug> */
    int status;
    const char *reason; /* HTTP/1.1's reason phrase */
    const char *title;
    bool retry; /* Retry-After: 1 */
    enum log_level level;
};
extern const struct problem_row problem_rows[PROBLEMS];

/* The row for a status that the protocol library answers by itself. */
enum problem problem_for_status(int status);
/* The body; `instance` is the path that was asked for. */
void problem_body(struct text *out, enum problem p, const char *detail, const char *instance, size_t instance_len);
