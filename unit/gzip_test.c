/* Whatever is compressed inflates to itself, before and after a code was learnt, in no more room than was promised. */
#include "unit.h"

#include "inflate.h"
#include "refresh/gzip.h"

static struct gzip *gzip_made(void)
{
    struct gzip *gzip;
    struct error e;
    assert_true(gzip_new(&gzip, &e));
    return gzip;
}

/* Compresses, checks, returns the length. */
static size_t check(struct gzip *gzip, size_t class, const char *document, size_t len)
{
    static const char guard[] = "untouched";
    size_t bound = gzip_bound(len);
    char *to = malloc(bound + sizeof guard);
    assert_non_null(to);
    memcpy(to + bound, guard, sizeof guard);
    size_t compressed = gzip_compress(gzip, class, document, len, to);
    assert_in_range(compressed, 1, bound);
    check_gzip(to, compressed, document, len);
    assert_memory_equal(to + bound, guard, sizeof guard);
    free(to);
    return compressed;
}

enum { STYLE_MAX = 400 };

static size_t print_style(unsigned n, char document[STYLE_MAX])
{
    return (size_t)snprintf(
        document, STYLE_MAX,
        "{\"product_id\":\"%u\",\"results\":[{\"style_id\":%u,\"name\":\"Azure %u\",\"original_price\":\"%u.00\","
        "\"sale_price\":null,\"default?\":true,\"photos\":[],\"skus\":{\"%u\":{\"quantity\":%u,\"size\":\"XL\"}}}]}",
        n, n * 7, n % 13, n * 31 % 900, n * 11, n % 50);
}

static size_t check_style(struct gzip *gzip, size_t class, unsigned n)
{
    char document[STYLE_MAX];
    return check(gzip, class, document, print_style(n, document));
}

static void teach(struct gzip *gzip, size_t class)
{
    for (unsigned n = 1; n <= GZIP_LEARNT_FROM; n++) {
        check_style(gzip, class, n);
    }
}

static void test_nothing_and_little(void **state)
{
    struct gzip *gzip = gzip_made();
    (void)state;
    for (int round = 0; round < 2; round++) {
        check(gzip, 0, "", 0);
        check(gzip, 0, "[", 1);
        check(gzip, 0, "[]", 2);
        check(gzip, 0, "[12,3,13]", 9);
        teach(gzip, 0);
    }
    gzip_free(&gzip);
    assert_null(gzip);
    gzip_free(&gzip);
}

/* What comes first in a block is its code: the same for all documents once it is learnt, each one's own before. */
static void test_the_code_is_learnt_once(void **state)
{
    enum { HEAD = 10, CODE = 40 };
    struct gzip *gzip = gzip_made();
    (void)state;
    for (int learnt = 0; learnt < 2; learnt++) {
        char document[STYLE_MAX];
        char to[2][2 * STYLE_MAX];
        for (unsigned n = 0; n < COUNT(to); n++) {
            size_t len = print_style(98765 * n, document);
            assert_in_range(gzip_compress(gzip, 1, document, len, to[n]), HEAD + CODE, gzip_bound(len));
        }
        assert_int_equal(memcmp(to[0] + HEAD, to[1] + HEAD, CODE) == 0, learnt);
        teach(gzip, 1);
    }
    gzip_free(&gzip);
}

/* A learnt code makes documents like those before smaller than they are; and a class learns from its own alone. */
static void test_a_learnt_code(void **state)
{
    struct gzip *gzip = gzip_made();
    struct gzip *other = gzip_made();
    (void)state;
    size_t before = check_style(gzip, 1, 1);
    teach(gzip, 1);
    size_t after = check_style(gzip, 1, 1);
    assert_in_range(after, before / 2, before * 5 / 4);
    teach(other, 2);
    assert_int_equal(check_style(other, 2, 1), after);
    for (unsigned n = 0; n < GZIP_LEARNT_FROM; n++) {
        check(other, 3, "[1,2,3,4,5]", 11);
    }
    assert_int_not_equal(check_style(other, 3, 1), after);
    gzip_free(&gzip);
    gzip_free(&other);
}

/* Bytes that the code has never seen, all of them, random ones, long runs; around the size that has a code of its own.
 */
static void test_other_bytes(void **state)
{
    static const size_t sizes[] = {256, 3000, GZIP_LARGE - 1, GZIP_LARGE, GZIP_LARGE + 1, 70000, 1 << 20};
    struct gzip *gzip = gzip_made();
    char *bytes = malloc(1 << 20);
    (void)state;
    assert_non_null(bytes);
    for (int learnt = 0; learnt < 2; learnt++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            uint64_t random = 1;
            for (size_t at = 0; at < sizes[i]; at++) {
                bytes[at] = (char)random_next(&random);
            }
            assert_true(check(gzip, 1, bytes, sizes[i]) >= sizes[i]);
            for (size_t at = 0; at < sizes[i]; at++) {
                bytes[at] = (char)at;
            }
            check(gzip, 1, bytes, sizes[i]);
            memset(bytes, 0xe4, sizes[i]);
            assert_true(check(gzip, 1, bytes, sizes[i]) < sizes[i]);
        }
        teach(gzip, 1);
    }
    free(bytes);
    gzip_free(&gzip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_and_little),
        cmocka_unit_test(test_the_code_is_learnt_once),
        cmocka_unit_test(test_a_learnt_code),
        cmocka_unit_test(test_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
