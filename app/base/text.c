#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_fini(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->at) {
        t->at[0] = '\0';
    }
}

static bool reserve(struct text *t, size_t more)
{
    size_t need = t->len + more + 1;
    if (t->failed || need < more || need > SIZE_MAX / 2) {
        t->failed = true;
        return false;
    }
    if (need <= t->cap) {
        return true;
    }
    size_t cap = t->cap ? t->cap : 256;
    while (cap < need) {
        cap *= 2;
    }
    char *grown = realloc(t->at, cap);
    if (!grown) {
        t->failed = true;
        return false;
    }
    t->at = grown;
    t->cap = cap;
    return true;
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    if (!reserve(t, len)) {
        return;
    }
    if (len) {
        memcpy(t->at + t->len, bytes, len);
    }
    t->len += len;
    t->at[t->len] = '\0';
}

void text_str(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need >= 0 && reserve(t, (size_t)need)) {
        vsnprintf(t->at + t->len, (size_t)need + 1, format, again);
        t->len += (size_t)need;
    }
    va_end(again);
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char lo, hi, second_lo, second_hi, len;
    } forms[] = {{0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                 {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
                 {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].lo || p[0] > forms[i].hi || forms[i].len > left) {
            continue;
        }
        if (forms[i].len > 1 && (p[1] < forms[i].second_lo || p[1] > forms[i].second_hi)) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((p[k] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

void text_json(struct text *t, const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;
    text_add(t, "\"", 1);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(p + i, len - i);
        if (n == 0) {
            text_str(t, "\xEF\xBF\xBD");
            i++;
        } else if (n > 1) {
            text_add(t, p + i, n);
            i += n;
        } else if (p[i] == '"' || p[i] == '\\') {
            text_printf(t, "\\%c", p[i++]);
        } else if (p[i] < 0x20 || p[i] == 0x7F) {
            text_printf(t, "\\u%04x", p[i++]);
        } else {
            text_add(t, p + i++, 1);
        }
    }
    text_add(t, "\"", 1);
}

bool text_take_number(const char **at, const char *end, uint64_t *out)
{
    const char *p = *at;
    uint64_t n = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
    }
    bool any = p > *at;
    *at = p;
    *out = n;
    return any;
}
