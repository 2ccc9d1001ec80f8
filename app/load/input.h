/* A regular file that is read once, from start to end, through one buffer of 1 MiB. One thread at a time. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum { INPUT_BUFFER = 1024 * 1024 };

struct input {
    int fd;
    char *buffer;        /* INPUT_BUFFER bytes, owned */
    size_t start, end;   /* what is read and not yet taken: buffer[start…end) */
    bool ended;          /* the file has nothing after buffer[end) */
    uint64_t line;       /* number of the line that starts at `start`, from 1 */
    int64_t taken, size; /* bytes */
};

MUST_CHECK bool input_open(struct input *in, const char *path, struct error *e);
void input_close(struct input *in);
/* Reads on; what is not yet taken stays, perhaps elsewhere. Fails when the buffer is full: one row is longer. */
MUST_CHECK bool input_more(struct input *in, struct error *e);
/* Bytes and lines from the start that are done with. */
void input_take(struct input *in, size_t bytes, size_t lines);
