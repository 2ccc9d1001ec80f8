/* An arena: many small allocations with one life. Nothing is freed alone; arena_clear forgets all
 * and keeps the memory for the next round. One thread at a time. Zero-initialised is empty and valid. */
#pragma once
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t used;                /* in the newest */
};

/* NULL: no memory. Aligned to 16 bytes. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_copy(struct arena *a, const void *bytes, size_t len);
void arena_clear(struct arena *a);
void arena_fini(struct arena *a);
