/* The heap: whatever thread allocates, it is one, and in huge pages. */
#include "unit.h"

#include "cache/entry.h"
#include "cache/heap.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ENTRIES = 4000, BYTES = 5000 };

static struct entry *entries[THREADS][ENTRIES];

static void *make_some(void *of)
{
    struct entry **out = of;
    for (int64_t i = 0; i < ENTRIES; i++) {
        out[i] = entry_new(i + 1, true, BYTES);
    }
    return NULL;
}

static void make_all(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_some, entries[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void free_all(void)
{
    for (size_t i = 0; i < THREADS * ENTRIES; i++) {
        entry_unpin(entries[i / ENTRIES][i % ENTRIES]);
    }
}

/* Whether the mapping that holds this address is advised: "hg" among its flags. */
static bool is_huge(const void *address)
{
    char line[512];
    bool here = false;
    bool huge = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from;
        unsigned long to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            here = (uintptr_t)address >= from && (uintptr_t)address < to;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            huge = strstr(line, " hg") != NULL;
        }
    }
    fclose(maps);
    return huge;
}

/* Sanitizers bring their own malloc; some kernels have no huge pages. */
static void skip_unless_it_can_be_seen(void)
{
    struct entry *e = entry_new(1, true, 0);
    uintptr_t here = (uintptr_t)e;
    entry_unpin(e);
    if (here > (uintptr_t)sbrk(0) || access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0) {
        skip();
    }
}

static void test_small(void **state)
{
    (void)state;
    struct entry *e = entry_new(1, true, BYTES);
    assert_false(is_huge(e)); /* heap_set_up was not called: the heap grows in small steps, and nothing is advised */
    entry_unpin(e);
}

static size_t count_huge(void)
{
    size_t huge = 0;
    for (size_t i = 0; i < THREADS * ENTRIES; i += ENTRIES / 4) {
        const struct entry *e = entries[i / ENTRIES][i % ENTRIES];
        assert_true(e && (char *)e < (char *)sbrk(0)); /* no other thread's heap */
        huge += is_huge(e);
    }
    return huge;
}

/* What has been given back is advised anew when the heap grows again. */
static void test_large(void **state)
{
    (void)state;
    skip_unless_it_can_be_seen();
    heap_set_up();
    for (int round = 0; round < 2; round++) {
        make_all();
        uintptr_t full = (uintptr_t)sbrk(0);
        assert_true(count_huge() >= THREADS * 4 - 1); /* the first one lies in what was there before */
        free_all();
        assert_int_equal((uintptr_t)sbrk(0), full);
        heap_trim();
        assert_true((uintptr_t)sbrk(0) < full - THREADS * ENTRIES * BYTES / 2);
    }
}

static void test_range(void **state)
{
    (void)state;
    skip_unless_it_can_be_seen();
    char *small = aligned_alloc(HUGE_PAGE, HUGE_PAGE);
    assert_non_null(small);
    heap_advise_range((uintptr_t)small, HUGE_PAGE - 1); /* holds no whole page */
    assert_false(is_huge(small));
    heap_advise_range((uintptr_t)small, HUGE_PAGE);
    assert_true(is_huge(small));
    free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
