#include "cache/entry.h"

#include <stdlib.h>

struct entry *entry_new(int64_t id, bool exists, size_t bytes)
{
    size_t size = sizeof(struct entry) + bytes;
    if (bytes > UINT32_MAX - sizeof(struct entry)) {
        return NULL;
    }
    struct entry *e = malloc(size);
    if (!e) {
        return NULL;
    }
    *e = (struct entry){.id = id, .exists = exists, .size = (uint32_t)size};
    atomic_init(&e->pins, 1);
    return e;
}

void entry_unpin(const struct entry *e)
{
    struct entry *own = (struct entry *)(uintptr_t)e;
    if (atomic_fetch_sub_explicit(&own->pins, 1, memory_order_acq_rel) == 1) {
        free(own);
    }
}
