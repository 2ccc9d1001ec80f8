/* Digests: what real Postgres (15) computes from the same values and rows, written down. That the two agree on
 * whatever else a catalogue holds is tested by integration/test_35_audit.py. */
#include "unit.h"

#include "copy_row.h"
#include "refresh/digest.h"

/* SELECT hashtextextended(text, seed) */
static const struct {
    const char *text;
    int64_t seed;
    int64_t hash;
} texts[] = {
    {"", 0, -6939563903564495251},
    {"", 1, -150071773020461347},
    {"a", 0, 3591986179850072241},
    {"a", 42, 6942402718208252407},
    {"abc", 5, -8227931761584822072},
    {"abcd", 5, -7429582825244824651},
    {"abcde", 5, -7736886265573297672},
    {"abcdefghijk", 5, -7634654662594670088},
    {"twelve bytes", 5, -7478234277105363306},
    {"thirteen byte", 5, 349001216346026441},
    {"hello world", 0, 6947366892317592103},
    {"hello world", -1, -2165252861418169415},
    {"hello world!", INT64_MAX, -6895981616512522522},
    {"Zoë 👟", 12345678901234567, -4869633104909578660},
    {"xyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyz",
     INT64_MIN, -309151140237145110},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t len = strlen(texts[i].text);
        char *at_the_end = malloc(len + 1); /* no byte behind it may be read, and it may lie anywhere */
        memcpy(at_the_end + 1, texts[i].text, len);
        uint64_t hash = digest_text(at_the_end + 1, len, (uint64_t)texts[i].seed);
        free(at_the_end);
        CHECK_ROW(texts[i].text, (int64_t)hash == texts[i].hash);
    }
}

/* SELECT hashint8extended(number, seed) */
static const struct {
    const char *name;
    int64_t number, seed, hash;
} numbers[] = {
    {"0", 0, 0, 4154612158245552303},
    {"1", 1, 0, -3670598878359251130},
    {"-1", -1, 0, -1888257769727981238},
    {"1, seeded", 1, 42, 2207685931686633351},
    {"largest", INT64_MAX, 42, 2517197663604715469},
    {"smallest", INT64_MIN, 42, -4216469540329842178},
    {"2^32", INT64_C(1) << 32, 7, -6563890024097284161},
    {"2^53 + 1", 9007199254740993, -7, 4202230396354048994},
    {"-2", -2, 123456789012345678, 7783141011497712411},
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        CHECK_ROW(numbers[i].name,
                  (int64_t)digest_int(numbers[i].number, (uint64_t)numbers[i].seed) == numbers[i].hash);
    }
}

/* SELECT <what digest_row_sql prints> FROM a table with this one row */
static const struct {
    const char *name;
    struct copy_row row;
    int64_t digest;
} rows[] = {
    {"product", {ROW_PRODUCT, {1}, {"Boots", "Bold", NULL, "Shoes", "140.00"}}, 1235472684860992434},
    {"last product", {ROW_PRODUCT, {INT64_MAX}, {"", "", "", "👟 Zoë", "9999999999.99"}}, 8590230200396283070},
    {"feature", {ROW_FEATURE, {1, 7}, {"Sole", "Rubber"}}, -1470180401498004606},
    {"feature without value", {ROW_FEATURE, {1, 8}, {"Sole", NULL}}, -3172558644165348009},
    {"default style", {ROW_STYLE, {1, 10, 1}, {"Black", "140.00", NULL}}, 5986093057081246583},
    {"style on sale", {ROW_STYLE, {1, 10, 0}, {"Black", "140.00", "0.50"}}, 4885668814702104944},
    {"photo", {ROW_PHOTO, {1, 10, 100}, {NULL, "u100"}}, 2913528838366054554},
    {"photo, the other url", {ROW_PHOTO, {1, 10, 100}, {"u100", NULL}}, 7253456014686143278},
    {"sku", {ROW_SKU, {1, 11, 37}, {"XS", "8"}}, 9120666314999929303},
    {"sku, extremes", {ROW_SKU, {1, INT64_MAX, 37}, {"", "-2147483648"}}, -508105506099138648},
    {"related", {ROW_RELATED, {9007199254740993, 70, 1}, {NULL}}, -4445842090912782382},
    {"related, the other way", {ROW_RELATED, {1, 70, 9007199254740993}, {NULL}}, -7595603632134692492},
};

static void test_rows(void **state)
{
    struct rows r = {0};
    struct error e;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        rows_clear(&r);
        CHECK_ROW(rows[i].name, copy_add(&r, &rows[i].row, &e));
        CHECK_ROW(rows[i].name, (int64_t)rows_digest(&r, rows[i].row.id[0]) == rows[i].digest);
        CHECK_ROW(rows[i].name, rows_digest(&r, 5) == 0);
    }
    rows_fini(&r);
}

/* A product's digest is the XOR of those of its rows of all kinds, whatever else was read and whatever they hang on. */
static const struct copy_row mixed[] = {
    {ROW_PRODUCT, {1}, {"Boots", NULL, NULL, NULL, "140.00"}},
    {ROW_PRODUCT, {3}, {"Cap", NULL, NULL, NULL, "1.00"}},
    {ROW_FEATURE, {1, 7}, {"Sole", "Rubber"}},
    {ROW_FEATURE, {2, 9}, {"Sole", "Rubber"}}, /* no product 2 */
    {ROW_FEATURE, {3, 8}, {"Sole", "Rubber"}},
    {ROW_STYLE, {3, 10, 1}, {"Black", "140.00", NULL}},
    {ROW_PHOTO, {3, 10, 100}, {NULL, NULL}},
    {ROW_PHOTO, {3, 77, 101}, {NULL, NULL}}, /* no style 77 */
    {ROW_SKU, {3, 10, 37}, {"XS", "8"}},
    {ROW_RELATED, {1, 70, 3}, {NULL}},
    {ROW_RELATED, {3, 71, 1}, {NULL}},
    {ROW_RELATED, {3, 72, 1}, {NULL}},
};

static void test_products(void **state)
{
    struct rows all = {0};
    struct rows one = {0};
    struct error e;
    uint64_t expected[4] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(mixed); i++) {
        int64_t product = mixed[i].id[0];
        rows_clear(&one);
        assert_true(copy_add(&one, &mixed[i], &e) && copy_add(&all, &mixed[i], &e));
        assert_true(rows_digest(&one, product) != 0);
        expected[product] ^= rows_digest(&one, product);
    }
    for (int64_t product = 0; product < 4; product++) {
        assert_true(rows_digest(&all, product) == expected[product]);
    }
    rows_clear(&all);
    assert_true(rows_digest(&all, 1) == 0);
    rows_fini(&all);
    rows_fini(&one);
}

/* Two rows that exchange something, and a row that moves: what an XOR could overlook. */
static const struct {
    const char *name;
    struct copy_row before[2], after[2];
} exchanges[] = {
    {"texts",
     {{ROW_FEATURE, {1, 7}, {"a", "b"}}, {ROW_FEATURE, {1, 8}, {"c", "d"}}},
     {{ROW_FEATURE, {1, 7}, {"c", "b"}}, {ROW_FEATURE, {1, 8}, {"a", "d"}}}},
    {"columns",
     {{ROW_FEATURE, {1, 7}, {"a", "b"}}, {ROW_FEATURE, {1, 8}, {"c", "d"}}},
     {{ROW_FEATURE, {1, 7}, {"b", "a"}}, {ROW_FEATURE, {1, 8}, {"c", "d"}}}},
    {"NULL and nothing",
     {{ROW_FEATURE, {1, 7}, {"a", NULL}}, {ROW_FEATURE, {1, 8}, {"c", ""}}},
     {{ROW_FEATURE, {1, 7}, {"a", ""}}, {ROW_FEATURE, {1, 8}, {"c", NULL}}}},
    {"quantities",
     {{ROW_SKU, {1, 10, 4}, {"M", "1"}}, {ROW_SKU, {1, 10, 5}, {"M", "0"}}},
     {{ROW_SKU, {1, 10, 4}, {"M", "0"}}, {ROW_SKU, {1, 10, 5}, {"M", "1"}}}},
    {"ids",
     {{ROW_FEATURE, {1, 7}, {"a", "b"}}, {ROW_FEATURE, {1, 8}, {"c", "d"}}},
     {{ROW_FEATURE, {1, 8}, {"a", "b"}}, {ROW_FEATURE, {1, 7}, {"c", "d"}}}},
    {"styles",
     {{ROW_PHOTO, {1, 10, 4}, {"t", "u"}}, {ROW_PHOTO, {1, 11, 5}, {"t", "u"}}},
     {{ROW_PHOTO, {1, 11, 4}, {"t", "u"}}, {ROW_PHOTO, {1, 10, 5}, {"t", "u"}}}},
    {"relations",
     {{ROW_RELATED, {1, 4, 2}, {NULL}}, {ROW_RELATED, {1, 5, 3}, {NULL}}},
     {{ROW_RELATED, {1, 4, 3}, {NULL}}, {ROW_RELATED, {1, 5, 2}, {NULL}}}},
    {"which is default",
     {{ROW_STYLE, {1, 4, 1}, {"a", "1.00"}}, {ROW_STYLE, {1, 5, 0}, {"a", "1.00"}}},
     {{ROW_STYLE, {1, 4, 0}, {"a", "1.00"}}, {ROW_STYLE, {1, 5, 1}, {"a", "1.00"}}}},
    {"products",
     {{ROW_FEATURE, {1, 7}, {"a", "b"}}, {ROW_FEATURE, {2, 8}, {"c", "d"}}},
     {{ROW_FEATURE, {1, 8}, {"c", "d"}}, {ROW_FEATURE, {2, 7}, {"a", "b"}}}},
    {"a repeat goes",
     {{ROW_RELATED, {1, 4, 2}, {NULL}}, {ROW_RELATED, {1, 5, 2}, {NULL}}},
     {{ROW_FEATURE, {3, 7}, {"elsewhere"}}, {ROW_FEATURE, {3, 8}, {"elsewhere"}}}},
};

static uint64_t digest_of(const struct copy_row pair[2])
{
    struct rows r = {0};
    struct error e;
    assert_true(copy_add(&r, &pair[0], &e) && copy_add(&r, &pair[1], &e));
    uint64_t digest = rows_digest(&r, 1) ^ rows_digest(&r, 2); /* a range of two products */
    rows_fini(&r);
    return digest;
}

static void test_exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        CHECK_ROW(exchanges[i].name, digest_of(exchanges[i].before) != digest_of(exchanges[i].after));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_numbers),   cmocka_unit_test(test_rows),
        cmocka_unit_test(test_products), cmocka_unit_test(test_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
