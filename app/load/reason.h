/* Why a row is rejected: a kind, to be counted, and a sentence for the rejected row itself. */
#pragma once
#include <stddef.h>

enum reason {
    REASON_FIELDS,
    REASON_QUOTE,
    REASON_MISSING,
    REASON_VALUE,
    REASON_DUPLICATE,
    REASON_NO_PRODUCT,
    REASON_NO_STYLE,
    REASONS
};

struct rejection {
    enum reason reason;
    char detail[240];
};

/* "wrong number of fields", … */
const char *reason_name(enum reason reason);
void reject(struct rejection *why, enum reason reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* At most 60 bytes of a value that came from outside, printable, for a rejection's sentence. */
struct excerpt {
    char text[64];
};
struct excerpt excerpt_of(const char *at, size_t len);
