/* The heap that entries and slots live in: one for all threads, and in huge pages. Advice only: with another allocator,
 * or without transparent huge pages, all works as it would. */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { HUGE_PAGE = 2 << 20 };

/* glibc gives each thread a heap of its own. What the load has put into one fetcher's, and updates made by another have
 * replaced, stays resident there unused: memory would double in time. At the start of the program. */
void heap_set_up(void);
/* Gives free memory back to the system, in milliseconds during which others wait for the heap: when much has become
 * free at once. */
void heap_trim(void);

/* ---- any thread ---- */
extern _Atomic uintptr_t heap_advised; /* up to here */
void heap_advise(uintptr_t at);
/* These bytes, from malloc, are about to be written to. */
static inline void heap_touch(uintptr_t at, size_t size)
{
    if (__builtin_expect(at + size > atomic_load_explicit(&heap_advised, memory_order_relaxed), 0)) {
        heap_advise(at);
    }
}
/* For a large allocation, before it is written to. */
void heap_advise_range(uintptr_t at, size_t size);
