#include "serve/request_id.h"

#include <string.h>

bool request_id_is_valid(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] <= ' ' || at[i] > '~') {
            return false;
        }
    }
    return len > 0 && len <= REQUEST_ID_MAX;
}

/* `len` lower-case hexadecimal digits, not all zero unless that is allowed. */
static bool is_hex(const char *at, size_t len, bool zero_allowed)
{
    bool some = false;
    for (size_t i = 0; i < len; i++) {
        bool digit = (at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f');
        if (!digit) {
            return false;
        }
        some |= at[i] != '0';
    }
    return some || zero_allowed;
}

/* version "-" trace-id "-" parent-id "-" flags */
bool traceparent_is_valid(const char *at, size_t len)
{
    return len == TRACEPARENT_LENGTH && at[2] == '-' && at[35] == '-' && at[52] == '-' && is_hex(at, 2, true) &&
           memcmp(at, "ff", 2) != 0 && is_hex(at + 3, 32, false) && is_hex(at + 36, 16, false) &&
           is_hex(at + 53, 2, true);
}

static void put_hex(char *out, uint64_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, n >>= 4) {
        out[i] = digits[n & 15];
    }
}

void request_id_make(char out[REQUEST_ID_LENGTH], uint64_t random1, uint64_t random2)
{
    put_hex(out, random1);
    put_hex(out + 16, random2);
}

void traceparent_make(char out[TRACEPARENT_LENGTH], uint64_t random1, uint64_t random2, uint64_t random3)
{
    memcpy(out, "00-", 3);
    put_hex(out + 3, random1);
    put_hex(out + 19, random2 | 1);
    out[35] = '-';
    put_hex(out + 36, random3 | 1);
    memcpy(out + 52, "-00", 3);
}
