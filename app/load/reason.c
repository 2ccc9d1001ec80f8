#include "load/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *reason_name(enum reason reason)
{
    static const char *const names[REASONS] = {
        [REASON_FIELDS] = "wrong number of fields",   [REASON_QUOTE] = "quotes that do not match",
        [REASON_MISSING] = "a value is missing",      [REASON_VALUE] = "a value is not accepted",
        [REASON_DUPLICATE] = "its id came before",    [REASON_NO_PRODUCT] = "its product is not there",
        [REASON_NO_STYLE] = "its style is not there",
    };
    return names[reason];
}

void reject(struct rejection *why, enum reason reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    why->reason = reason;
    vsnprintf(why->detail, sizeof why->detail, format, args);
    va_end(args);
}

struct excerpt excerpt_of(const char *at, size_t len)
{
    struct excerpt out;
    const size_t shown = len > 60 ? 57 : len;
    for (size_t i = 0; i < shown; i++) {
        out.text[i] = at[i] < ' ' || at[i] > '~' ? '?' : at[i];
    }
    strcpy(out.text + shown, len > 60 ? "..." : "");
    return out;
}
