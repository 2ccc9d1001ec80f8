/* The ids of all products in ascending order, for lists: leaves of at most 512 ids under one root
 * that also counts, all immutable. A change copies the leaves it touches and the root, never all ids,
 * so that readers keep a whole and unchanging view at any size.
 *
 * The functions here are pure: they build new versions from old ones. Publishing the root and giving
 * the memory back is the cache's work. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEAF_MAX = 512 };

struct id_leaf {
    uint32_t count;
    int64_t ids[]; /* ascending */
};

struct id_root {
    size_t count; /* all ids */
    size_t leaves;
    struct id_branch {
        const struct id_leaf *leaf;
        size_t before; /* ids in the leaves before this one */
    } branch[];
};

/* What a new version no longer uses. */
struct id_garbage {
    const struct id_leaf **leaves;
    size_t count;
};

/* A new root with `remove` taken out and `add` put in, each ascending and without repeats; an id that
 * is already there, or is not there to remove, changes nothing. `old` may be NULL (empty) and stays
 * valid; `garbage->leaves` (malloc'ed, the caller frees it) lists the leaves that only `old` uses.
 * NULL: no memory, nothing changed. */
struct id_root *id_index_change(const struct id_root *old, const int64_t *add, size_t adds, const int64_t *remove,
                                size_t removes, struct id_garbage *garbage);
/* Frees a root and, if `leaves`, all that it uses. */
void id_root_free(struct id_root *root, bool leaves);

/* How many ids are ≤ id: the position of the first one after it. NULL is empty. */
size_t id_index_rank(const struct id_root *root, int64_t id);
bool id_index_has(const struct id_root *root, int64_t id);
/* Copies up to `max` ids from `position` on; returns how many. */
size_t id_index_copy(const struct id_root *root, size_t position, int64_t *out, size_t max);
/* Bytes that it takes of the heap, with all its leaves. */
static inline size_t id_root_allocated(const struct id_root *root)
{
    return sizeof *root + root->count * sizeof(int64_t) +
           root->leaves * (sizeof *root->branch + sizeof(struct id_leaf) + sizeof(size_t));
}
static inline size_t id_index_count(const struct id_root *root)
{
    return root ? root->count : 0;
}
