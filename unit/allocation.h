/* Allocations that fail on demand: a test program that links allocation.c (CMake: fails_allocations) has its calls
 * of malloc, calloc, realloc and aligned_alloc, and those of the project's libraries, go through here. Libraries of
 * the system keep their own. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on fails, once; 1 is the next, 0 none. Forgets what was refused before. */
void allocation_fail_at(size_t n);
/* Whether it has failed since. */
bool allocation_was_refused(void);
/* Allocations since the last allocation_fail_at. */
size_t allocation_count(void);
