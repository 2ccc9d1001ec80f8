#include "load/input.h"

#include "load/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_regular(struct input *in, const char *path, struct error *e)
{
    struct stat info;
    in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe nobody writes to would block here */
    if (in->fd < 0 || fstat(in->fd, &info) != 0) {
        return error_errno(e, "cannot read %s", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return error_set(e, ERROR_DATA, "%s is not a regular file", path);
    }
    in->size = info.st_size;
    return true;
}

bool input_open(struct input *in, const char *path, struct error *e)
{
    *in = (struct input){.line = 1};
    if (!open_regular(in, path, e)) {
        input_close(in);
        return false;
    }
    in->buffer = malloc(INPUT_BUFFER);
    if (!in->buffer) {
        input_close(in);
        return error_set(e, ERROR_SYSTEM, "no memory for a buffer of %d bytes", INPUT_BUFFER);
    }
    return true;
}

void input_close(struct input *in)
{
    if (in->fd >= 0) {
        close(in->fd);
    }
    free(in->buffer);
    *in = (struct input){.fd = -1};
}

bool input_more(struct input *in, struct error *e)
{
    memmove(in->buffer, in->buffer + in->start, in->end - in->start);
    in->end -= in->start;
    in->start = 0;
    if (in->end == INPUT_BUFFER) {
        return error_set(e, ERROR_DATA, "line %" PRIu64 " is longer than %d bytes; is this a CSV file?", in->line,
                         INPUT_BUFFER);
    }
    ssize_t got;
    do {
        if (!stop_check(e)) {
            return false;
        }
        got = read(in->fd, in->buffer + in->end, INPUT_BUFFER - in->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return error_errno(e, "reading failed");
    }
    in->end += (size_t)got;
    in->ended = got == 0;
    return true;
}

void input_take(struct input *in, size_t bytes, size_t lines)
{
    in->start += bytes;
    in->taken += (int64_t)bytes;
    in->line += lines;
}
