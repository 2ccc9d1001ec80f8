#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(16) char bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!a->blocks || a->blocks->size - a->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        struct arena_block *block = malloc(sizeof *block + room);
        if (!block) {
            return NULL;
        }
        *block = (struct arena_block){.next = a->blocks, .size = room};
        a->blocks = block;
        a->used = 0;
    }
    void *at = a->blocks->bytes + a->used;
    a->used += size;
    return at;
}

void *arena_copy(struct arena *a, const void *bytes, size_t len)
{
    void *copy = arena_alloc(a, len);
    if (copy && len) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_clear(struct arena *a)
{
    if (a->blocks) {
        free_blocks(a->blocks->next);
        a->blocks->next = NULL;
    }
    a->used = 0;
}

void arena_fini(struct arena *a)
{
    free_blocks(a->blocks);
    *a = (struct arena){0};
}
