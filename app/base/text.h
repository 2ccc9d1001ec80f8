/* A growable string of bytes, always followed by a NUL that `len` does not count.
 * Zero-initialised is empty and valid. Any thread, but one at a time. Allocation failure sets
 * `failed` and drops what came after: check it once, at the end (JSON that was cut is never used). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *at;
    size_t len;
    size_t cap;
    bool failed;
};

void text_fini(struct text *t);
void text_clear(struct text *t); /* empty, keeps the storage, forgets a failure */
void text_add(struct text *t, const void *bytes, size_t len);
static inline void text_char(struct text *t, char c)
{
    if (t->cap - t->len < 2 || t->failed) {
        text_add(t, &c, 1);
        return;
    }
    t->at[t->len++] = c;
    t->at[t->len] = '\0';
}
void text_str(struct text *t, const char *string);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD: for logs, problems and
 * other text that comes from outside (catalogue documents are written by the renderer). */
void text_json(struct text *t, const char *bytes, size_t len);

/* Takes the digits from *at on, and moves it behind them; false: there are none, or more than 64 bits hold. */
bool text_take_number(const char **at, const char *end, uint64_t *out);
