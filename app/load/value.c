#include "load/value.h"

#include <string.h>
#include <strings.h>

static size_t digits(const char *at, size_t len)
{
    size_t n = 0;
    while (n < len && at[n] >= '0' && at[n] <= '9') {
        n++;
    }
    return n;
}

/* All digits, and at most `max`. */
static bool whole_number(const char *at, size_t len, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (len == 0 || len > 19 || digits(at, len) != len) {
        return false; /* 19 digits always fit 64 bits */
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (uint64_t)(at[i] - '0');
    }
    *out = value;
    return value <= max;
}

bool value_id(const char *at, size_t len, int64_t *out)
{
    uint64_t value;
    if (!whole_number(at, len, INT64_MAX, &value) || at[0] == '0') {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

bool value_price(const char *at, size_t len)
{
    size_t whole = digits(at, len);
    if (whole < 1 || whole > 10) {
        return false;
    }
    if (whole == len) {
        return true;
    }
    size_t decimals = digits(at + whole + 1, len - whole - 1);
    return at[whole] == '.' && decimals == len - whole - 1 && (decimals == 1 || decimals == 2);
}

bool value_quantity(const char *at, size_t len)
{
    uint64_t ignored;
    return whole_number(at, len, INT32_MAX, &ignored);
}

bool value_flag(const char *at, size_t len, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"0", false}, {"1", true}, {"false", false}, {"true", true}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) == len && strncasecmp(at, words[i].word, len) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

/* Eight bytes of ASCII without NUL at once: most of any catalogue. */
static bool plain_eight(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    return (((word - ones) | word) & highs) == 0;
}

/* The length of the well-formed sequence at p (Unicode, table 3-7), or 0. */
static size_t sequence(const unsigned char *p, size_t left)
{
    const unsigned char first = p[0];
    const size_t len = first < 0x80                    ? 1
                       : first >= 0xC2 && first < 0xE0 ? 2
                       : first >= 0xE0 && first < 0xF0 ? 3
                       : first >= 0xF0 && first < 0xF5 ? 4
                                                       : 0;
    if (len == 0 || len > left || first == 0) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (first == 0xE0 && p[1] < 0xA0) || (first == 0xF0 && p[1] < 0x90);
    const bool surrogate = first == 0xED && p[1] > 0x9F;
    const bool too_high = first == 0xF4 && p[1] > 0x8F;
    return overlong || surrogate || too_high ? 0 : len;
}

bool value_text(const char *at, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (len - i >= 8 && plain_eight(at + i)) {
            i += 8;
            continue;
        }
        size_t n = sequence((const unsigned char *)at + i, len - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}
