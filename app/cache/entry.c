#include "cache/entry.h"

#include "cache/heap.h"

#include <stdlib.h>
#include <string.h>

static _Atomic size_t late_bytes;

void hash_to_hex(uint64_t high, uint64_t low, char out[HASH_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = HASH_HEX / 2 - 1; i >= 0; i--) {
        out[i] = digits[high & 15];
        out[i + HASH_HEX / 2] = digits[low & 15];
        high >>= 4;
        low >>= 4;
    }
}

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
    e->prices = e->thumbnail = (struct slice){0};
    e->refused = e->left_out = true;
    e->size = sizeof *e;
    struct entry *shrunk = realloc(e, sizeof *e);
    *entry = shrunk ? shrunk : e;
}

/* The words that change are the entry's own, whoever holds it. */
static struct entry *own(const struct entry *e)
{
    return (struct entry *)(uintptr_t)e;
}

static size_t late_allocated(const struct late *late)
{
    return heap_bytes(sizeof *late + late->length);
}

static void free_late(struct late *late)
{
    while (late) {
        struct late *next = late->next;
        atomic_fetch_sub_explicit(&late_bytes, late_allocated(late), memory_order_relaxed);
        free(late);
        late = next;
    }
}

void entry_unpin(const struct entry *e)
{
    if (atomic_fetch_sub_explicit(&own(e)->pins, 1, memory_order_acq_rel) == 1) {
        free_late(atomic_load_explicit(&own(e)->late, memory_order_acquire));
        free(own(e));
    }
}

/* ---- late forms ----------------------------------------------------------------------------- */

const struct late *entry_late(const struct entry *e, unsigned kind)
{
    const struct late *late = atomic_load_explicit(&own(e)->late, memory_order_acquire);
    while (late && late->kind != kind) {
        late = late->next;
    }
    return late;
}

bool entry_ask_late(const struct entry *e, unsigned kind)
{
    uint8_t bit = (uint8_t)(1U << kind);
    _Atomic uint8_t *asked = &own(e)->late_asked;
    return !(atomic_load_explicit(asked, memory_order_relaxed) & bit) &&
           !(atomic_fetch_or_explicit(asked, bit, memory_order_relaxed) & bit);
}

void entry_unask_late(const struct entry *e, unsigned kind)
{
    atomic_fetch_and_explicit(&own(e)->late_asked, (uint8_t) ~(1U << kind), memory_order_relaxed);
}

void entry_attach_late(const struct entry *e, struct late *made)
{
    struct late *first = atomic_load_explicit(&own(e)->late, memory_order_relaxed);
    atomic_fetch_add_explicit(&late_bytes, late_allocated(made), memory_order_relaxed);
    do {
        made->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&own(e)->late, &first, made, memory_order_release,
                                                    memory_order_relaxed));
}

size_t entry_late_bytes(void)
{
    return atomic_load_explicit(&late_bytes, memory_order_relaxed);
}
