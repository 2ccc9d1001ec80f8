/* What a function writes to standard output or standard error. */
#pragma once
#include "unit.h"

/* The bytes written to `fd` while `act` ran, malloc'ed, with a NUL after them. */
static inline char *capture(int fd, void (*act)(const void *context), const void *context)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(NULL);
    int kept = dup(fd);
    assert_true(kept >= 0 && dup2(fileno(file), fd) == fd);
    act(context);
    fflush(NULL);
    assert_int_equal(dup2(kept, fd), fd);
    close(kept);
    long size = lseek(fileno(file), 0, SEEK_END);
    char *bytes = calloc(1, (size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(pread(fileno(file), bytes, (size_t)size, 0), size);
    fclose(file);
    return bytes;
}

/* How often `word` is in `text`. */
static inline size_t occurrences(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word)) {
        n++;
    }
    return n;
}
