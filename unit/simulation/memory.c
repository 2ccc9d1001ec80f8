/* The refresher's allocations: counted, now and then refused, and the points where it is interrupted. Linked with
 * --wrap, as unit/allocation.c. */
#include "simulation/world.h"

#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *at);

static size_t in_use;

size_t memory_in_use(void)
{
    return in_use;
}

static bool refuse(void)
{
    schedule_interrupt();
    if (!world.in_refresher || world.busy || !world.memory_fails || !one_in(world.memory_fails)) {
        return false;
    }
    say("  no memory");
    seen(SEEN_MEMORY_REFUSED);
    return true;
}

static void *counted(void *at)
{
    in_use += at != NULL;
    return at;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    if (refuse()) {
        return NULL;
    }
    void *grown = __real_realloc(at, size);
    in_use += !at && grown;
    return grown;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return refuse() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *at)
{
    in_use -= at != NULL;
    __real_free(at);
}
