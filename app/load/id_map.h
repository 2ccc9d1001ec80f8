/* Sets and maps of 64-bit ids, compact: open addressing, 16 bytes a slot, at most three quarters full.
 * Zero-initialised is empty. One thread at a time.
 *
 * A set keeps a bit an id, 64 ids a slot: eleven million ids without gaps take 8 MB; ids scattered over the
 * whole range take a slot each. A map takes a slot an id: two million in 64 MB. */
#pragma once
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

struct id_map {
    struct id_slot *slots; /* owned; key 0 is an empty slot */
    size_t cap;            /* a power of two, or 0 */
    size_t count;
};

void id_map_fini(struct id_map *map);
/* The value's place, made and zeroed where there is none; valid until the next call. NULL: no memory. The key
 * is not 0. */
uint64_t *id_map_put(struct id_map *map, uint64_t key);
/* NULL: not there. */
const uint64_t *id_map_find(const struct id_map *map, uint64_t key);

struct id_set {
    struct id_map pages; /* id / 64 + 1 → one bit for each id of the page */
};

enum id_added { ID_ADDED, ID_PRESENT, ID_NO_MEMORY };

void id_set_fini(struct id_set *set);
MUST_CHECK enum id_added id_set_add(struct id_set *set, uint64_t id);
bool id_set_has(const struct id_set *set, uint64_t id);
