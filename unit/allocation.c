#include "allocation.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic size_t fail_at, count;
static _Atomic bool refused;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void allocation_fail_at(size_t n)
{
    fail_at = n;
    count = 0;
    refused = false;
}

bool allocation_was_refused(void)
{
    return refused;
}

size_t allocation_count(void)
{
    return count;
}

static bool refuse(void)
{
    if (atomic_fetch_add(&count, 1) + 1 != fail_at) {
        return false;
    }
    refused = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return refuse() ? NULL : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return refuse() ? NULL : __real_aligned_alloc(alignment, size);
}
