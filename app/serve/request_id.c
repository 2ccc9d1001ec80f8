#include "serve/request_id.h"

#include <emmintrin.h>
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

/* All 16 digits at once: each request needs five of these. */
static void put_hex(char *out, uint64_t n)
{
    __m128i bytes = _mm_cvtsi64_si128((long long)__builtin_bswap64(n));
    __m128i digits = _mm_and_si128(_mm_unpacklo_epi8(_mm_srli_epi16(bytes, 4), bytes), _mm_set1_epi8(15));
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi8(_mm_add_epi8(digits, letters), _mm_set1_epi8('0')));
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
