#include "unit.h"

#include "allocation.h"
#include "base/arena.h"

enum { BLOCK = 256 * 1024 }; /* of arena.c */

/* What is allocated is aligned, apart from all else, and stays where it is until the arena is cleared. */
static void test_pieces(void **state)
{
    enum { PIECES = 4000 };
    struct arena a = {0};
    unsigned char *piece[PIECES];
    (void)state;
    for (int i = 0; i < PIECES; i++) {
        size_t size = (size_t)i % 700;
        piece[i] = arena_alloc(&a, size);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], i & 0xFF, size);
    }
    for (int i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < (size_t)i % 700; k++) {
            assert_int_equal(piece[i][k], i & 0xFF);
        }
    }
    arena_fini(&a);
    assert_null(a.blocks);
}

static void test_larger_than_a_block(void **state)
{
    static const size_t sizes[] = {BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK, 1};
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *at = arena_alloc(&a, sizes[i]);
        assert_non_null(at);
        memset(at, 'x', sizes[i]);
    }
    arena_fini(&a);
}

static void test_copy(void **state)
{
    struct arena a = {0};
    char source[] = "Tabitha";
    (void)state;
    char *copy = arena_copy(&a, source, sizeof source);
    source[0] = 'X';
    assert_string_equal(copy, "Tabitha");
    assert_non_null(arena_copy(&a, "", 0)); /* empty is not SQL's NULL */
    assert_non_null(arena_copy(&a, NULL, 0));
    arena_fini(&a);
}

/* Clearing keeps memory for the next round, and gives back what one large round took. */
static void test_clear(void **state)
{
    struct arena a = {0};
    (void)state;
    arena_clear(&a);
    arena_fini(&a);
    for (int i = 0; i < 40; i++) {
        assert_non_null(arena_alloc(&a, BLOCK / 2));
    }
    arena_clear(&a);
    allocation_fail_at(0);
    for (int round = 0; round < 10; round++) {
        char *at = arena_alloc(&a, BLOCK / 2);
        assert_non_null(at);
        memset(at, round, BLOCK / 2);
        arena_clear(&a);
    }
    assert_int_equal(allocation_count(), 0);
    arena_fini(&a);
}

static void test_no_memory(void **state)
{
    struct arena a = {0};
    (void)state;
    allocation_fail_at(1);
    assert_null(arena_alloc(&a, 1));
    allocation_fail_at(1);
    assert_null(arena_copy(&a, "x", 1));
    char *kept = arena_copy(&a, "kept", 5);
    assert_non_null(kept);
    allocation_fail_at(1);
    assert_null(arena_alloc(&a, 2 * BLOCK));
    assert_non_null(arena_alloc(&a, 2 * BLOCK));
    assert_string_equal(kept, "kept");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces), cmocka_unit_test(test_larger_than_a_block), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_clear),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
