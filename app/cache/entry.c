#include "cache/entry.h"

#include "cache/heap.h"

#include <stdlib.h>
#include <string.h>

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
    heap_touch((uintptr_t)e, size);
    *e = (struct entry){.id = id, .exists = exists, .size = (uint32_t)size};
    atomic_init(&e->pins, 1);
    return e;
}

struct entry *entry_new_refused(int64_t id, const char *why)
{
    size_t len = strlen(why) + 1;
    struct entry *e = entry_new(id, true, len);
    if (e) {
        e->refused = true;
        memcpy(e->bytes, why, len);
    }
    return e;
}

void entry_leave_out(struct entry **entry)
{
    struct entry *e = *entry;
    memset(e->document, 0, sizeof e->document);
    e->card_length = 0;
    e->refused = e->left_out = true;
    e->size = sizeof *e;
    struct entry *shrunk = realloc(e, sizeof *e);
    *entry = shrunk ? shrunk : e;
}

void entry_unpin(const struct entry *e)
{
    struct entry *own = (struct entry *)(uintptr_t)e;
    if (atomic_fetch_sub_explicit(&own->pins, 1, memory_order_acq_rel) == 1) {
        free(own);
    }
}
