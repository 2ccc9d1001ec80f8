#include "cache/heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEP = 64 << 20 }; /* that the heap grows by */

_Atomic uintptr_t heap_advised;

void heap_set_up(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, STEP);
    mallopt(M_TRIM_THRESHOLD, -1); /* see heap_trim */
}

void heap_trim(void)
{
    malloc_trim(0);
    uintptr_t end = (uintptr_t)sbrk(0);
    if (end < atomic_load_explicit(&heap_advised, memory_order_relaxed)) {
        atomic_store_explicit(&heap_advised, end, memory_order_relaxed);
    }
}

void heap_advise_range(uintptr_t at, size_t size)
{
    uintptr_t from = (at + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    uintptr_t to = (at + size) & ~(uintptr_t)(HUGE_PAGE - 1);
    if (to > from) {
        madvise((void *)from, to - from, MADV_HUGEPAGE);
    }
}

/* Of a step next to nothing has been written to when the first entry lies in it. What is mapped on its own lies above
 * the heap's end, and asks in vain. */
void heap_advise(uintptr_t at)
{
    uintptr_t end = (uintptr_t)sbrk(0);
    uintptr_t before = atomic_load_explicit(&heap_advised, memory_order_relaxed);
    if (end > before + HUGE_PAGE && atomic_compare_exchange_strong(&heap_advised, &before, end)) {
        uintptr_t from = before > 0 ? before & ~(uintptr_t)(HUGE_PAGE - 1) : at;
        heap_advise_range(from, from < end ? end - from : 0);
    }
}
