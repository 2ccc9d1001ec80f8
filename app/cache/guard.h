/* A guard lets one thread read the cache: what cache_get and cache_ids return stays valid between
 * guard_enter and guard_leave. Keep that span short and never across a callback of the event loop:
 * one slow client would stop all memory from being given back.
 *
 * Epoch-based reclamation is Concurrency Kit's (K. Fraser, "Practical lock-freedom", 2004). The
 * thread sanitizer cannot see its inline assembly, so what it orders is told to the sanitizer here. */
#pragma once
#include <ck_epoch.h>

struct cache;

struct guard {
    ck_epoch_record_t record; /* 64-byte aligned: allocate with guard_new only */
    struct cache *cache;
    struct guard *next; /* of the cache's */
};

struct guard *guard_new(struct cache *cache); /* before the threads start; NULL: no memory */
/* Its memory goes with the cache: Concurrency Kit keeps records for ever in its list. */
void guard_free(struct guard **guard);

#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define guard_saw(address) __tsan_acquire((void *)(uintptr_t)(address))
#define guard_told(address) __tsan_release((void *)(uintptr_t)(address))
#else
#define guard_saw(address) ((void)(address))
#define guard_told(address) ((void)(address))
#endif

static inline void guard_enter(struct guard *g)
{
    ck_epoch_begin(&g->record, NULL);
}
static inline void guard_leave(struct guard *g)
{
    guard_told(g->cache);
    ck_epoch_end(&g->record, NULL);
}
