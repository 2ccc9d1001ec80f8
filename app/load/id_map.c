#include "load/id_map.h"

#include <stdlib.h>

struct id_slot {
    uint64_t key;
    uint64_t value;
};

/* The finaliser of MurmurHash3: every bit of the id moves every bit of the place. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD;
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53;
    return x ^ (x >> 33);
}

/* The key's slot, or the empty one where it would go. There is always an empty one. */
static struct id_slot *probe(const struct id_map *map, uint64_t key)
{
    size_t at = mix(key) & (map->cap - 1);
    while (map->slots[at].key != 0 && map->slots[at].key != key) {
        at = (at + 1) & (map->cap - 1);
    }
    return &map->slots[at];
}

static bool grow(struct id_map *map)
{
    struct id_map bigger = {.cap = map->cap ? map->cap * 2 : 1024, .count = map->count};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        return false;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].key != 0) {
            *probe(&bigger, map->slots[i].key) = map->slots[i];
        }
    }
    id_map_fini(map);
    *map = bigger;
    return true;
}

void id_map_fini(struct id_map *map)
{
    free(map->slots);
    *map = (struct id_map){0};
}

uint64_t *id_map_put(struct id_map *map, uint64_t key)
{
    ENSURE(key != 0);
    if (map->count >= map->cap / 4 * 3 && !grow(map)) {
        return NULL;
    }
    struct id_slot *slot = probe(map, key);
    map->count += slot->key == 0;
    slot->key = key;
    return &slot->value;
}

const uint64_t *id_map_find(const struct id_map *map, uint64_t key)
{
    if (map->cap == 0 || key == 0) {
        return NULL;
    }
    const struct id_slot *slot = probe(map, key);
    return slot->key ? &slot->value : NULL;
}

void id_set_fini(struct id_set *set)
{
    id_map_fini(&set->pages);
}

enum id_added id_set_add(struct id_set *set, uint64_t id)
{
    uint64_t *bits = id_map_put(&set->pages, id / 64 + 1);
    if (!bits) {
        return ID_NO_MEMORY;
    }
    const uint64_t bit = (uint64_t)1 << (id % 64);
    if (*bits & bit) {
        return ID_PRESENT;
    }
    *bits |= bit;
    return ID_ADDED;
}

bool id_set_has(const struct id_set *set, uint64_t id)
{
    const uint64_t *bits = id_map_find(&set->pages, id / 64 + 1);
    return bits && (*bits >> (id % 64) & 1);
}
