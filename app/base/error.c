#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(struct error *e, enum error_code code, const char *format, va_list args)
{
    e->code = code;
    vsnprintf(e->text, sizeof e->text, format, args);
}

bool error_set(struct error *e, enum error_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, code, format, args);
    va_end(args);
    return false;
}

bool error_errno(struct error *e, const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    fill(e, ERROR_SYSTEM, format, args);
    va_end(args);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(saved));
    return false;
}

void ensure_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "{\"level\":\"fatal\",\"event\":\"invariant_broken\",\"at\":\"%s:%d\",\"condition\":\"%s\"}\n",
            file, line, condition);
    abort();
}
