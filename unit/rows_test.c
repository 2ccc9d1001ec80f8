/* Joining: rows of a fetch become products with their parts. Parts that belong to nobody are left out and counted. */
#include "unit.h"

#include "allocation.h"
#include "copy_row.h"

static const struct copy_row snapshot = {ROW_SNAPSHOT, {0}, {"100:105:101,103"}};

/* Two products and one without parts, as the SQL orders them. */
static const struct copy_row whole[] = {
    {ROW_PRODUCT, {1}, {"Boots", "Bold", NULL, "Shoes", "140.00"}},
    {ROW_PRODUCT, {2}, {"Cap", NULL, NULL, NULL, "9.50"}},
    {ROW_PRODUCT, {9}, {"Scarf", "", "", "", "0.00"}},
    {ROW_FEATURE, {1, 7}, {"Sole", "Rubber"}},
    {ROW_FEATURE, {1, 8}, {"Sole", NULL}},
    {ROW_FEATURE, {9, 3}, {"Wool", "Merino"}},
    {ROW_STYLE, {1, 10, 1}, {"Black", "140.00", NULL}},
    {ROW_STYLE, {1, 11, 0}, {"Red", "140.00", "99.00"}},
    {ROW_STYLE, {9, 5, 0}, {"Grey", "1.00", NULL}}, /* its id is below those of product 1's */
    {ROW_PHOTO, {1, 10, 100}, {"t100", "u100"}},
    {ROW_PHOTO, {1, 11, 50}, {"t50", NULL}},
    {ROW_PHOTO, {1, 11, 51}, {NULL, "u51"}},
    {ROW_PHOTO, {9, 5, 1}, {"t1", "u1"}},
    {ROW_SKU, {1, 11, 37}, {"XS", "8"}},
    {ROW_SKU, {1, 11, 38}, {"XS", "0"}},
    {ROW_RELATED, {1, 70, 2}, {NULL}},
    {ROW_RELATED, {1, 71, 2}, {NULL}},
    {ROW_RELATED, {1, 72, 1}, {NULL}},
};

static void add_all(struct rows *rows, const struct copy_row *list, size_t count)
{
    struct error e;
    assert_true(copy_add(rows, &snapshot, &e));
    for (size_t i = 0; i < count; i++) {
        assert_true(copy_add(rows, &list[i], &e));
    }
}

static void check_str(struct str s, const char *expected)
{
    assert_int_equal(s.at != NULL, expected != NULL);
    assert_int_equal(s.len, expected ? strlen(expected) : 0);
    assert_true(!expected || memcmp(s.at, expected, s.len) == 0);
}

static void check_boots(const struct product *p)
{
    check_str(p->name, "Boots");
    check_str(p->description, NULL);
    check_str(p->default_price, "140.00");
    assert_int_equal(p->feature_count, 2);
    check_str(p->features[0].value, "Rubber");
    check_str(p->features[1].value, NULL);
    assert_int_equal(p->style_count, 2);
    assert_int_equal(p->related_count, 3); /* repeats and itself: the renderer's business */
    const struct style *black = &p->styles[0];
    const struct style *red = &p->styles[1];
    assert_true(black->id == 10 && black->is_default && black->photo_count == 1 && black->sku_count == 0);
    check_str(black->sale_price, NULL);
    check_str(black->photos[0].url, "u100");
    assert_true(red->id == 11 && !red->is_default && red->photo_count == 2 && red->sku_count == 2);
    check_str(red->sale_price, "99.00");
    check_str(red->photos[0].thumbnail_url, "t50");
    check_str(red->photos[1].thumbnail_url, NULL);
    assert_true(red->skus[0].id == 37 && red->skus[1].id == 38);
    check_str(red->skus[1].quantity, "0");
}

static void check_whole(struct rows *rows)
{
    const struct product *p;
    struct error e;
    size_t count;
    assert_true(rows_join(rows, &p, &count, &e));
    assert_int_equal(count, 3);
    assert_int_equal(rows->orphans, 0);
    assert_int_equal(snapshot_version(&rows->snapshot), 103);
    assert_true(p[0].id == 1 && p[1].id == 2 && p[2].id == 9);
    check_boots(&p[0]);
    assert_true(p[1].feature_count == 0 && p[1].style_count == 0 && p[1].related_count == 0);
    check_str(p[1].slogan, NULL);
    check_str(p[2].slogan, "");
    assert_true(p[2].feature_count == 1 && p[2].style_count == 1);
    assert_true(p[2].styles[0].photo_count == 1 && p[2].styles[0].sku_count == 0);
}

static void test_whole(void **state)
{
    struct rows rows = {0};
    (void)state;
    for (int round = 0; round < 3; round++) { /* memory is used again */
        add_all(&rows, whole, COUNT(whole));
        check_whole(&rows);
        check_whole(&rows); /* joining twice does no harm */
        rows_clear(&rows);
    }
    rows_fini(&rows);
}

static void test_nothing(void **state)
{
    struct rows rows = {0};
    const struct product *p;
    struct error e = {0};
    size_t count = 7;
    (void)state;
    assert_false(rows_join(&rows, &p, &count, &e));
    assert_non_null(strstr(e.text, "without its snapshot"));
    add_all(&rows, NULL, 0);
    assert_true(rows_join(&rows, &p, &count, &e));
    assert_int_equal(count, 0);
    rows_clear(&rows);
    assert_false(rows_join(&rows, &p, &count, &e)); /* the snapshot went with the rows */
    rows_fini(&rows);
}

/* Whatever belongs to nobody, before, between and after the products. */
static const struct copy_row orphans[] = {
    {ROW_PRODUCT, {5}, {"Cap", NULL, NULL, NULL, "1.00"}},
    {ROW_PRODUCT, {7}, {"Hat", NULL, NULL, NULL, "1.00"}},
    {ROW_FEATURE, {4, 1}, {"x"}}, /* no product 4 */
    {ROW_FEATURE, {5, 2}, {"kept"}},
    {ROW_FEATURE, {6, 3}, {"x"}},
    {ROW_FEATURE, {7, 4}, {"kept"}},
    {ROW_FEATURE, {8, 5}, {"x"}},
    {ROW_STYLE, {5, 20, 0}, {"kept", "1.00"}},
    {ROW_STYLE, {6, 21, 0}, {"x", "1.00"}},
    {ROW_STYLE, {7, 22, 0}, {"kept", "1.00"}},
    {ROW_PHOTO, {5, 19, 1}, {"x"}}, /* no style 19 */
    {ROW_PHOTO, {5, 20, 2}, {"kept"}},
    {ROW_PHOTO, {5, 22, 3}, {"x"}}, /* that style is another product's */
    {ROW_PHOTO, {7, 22, 4}, {"kept"}},
    {ROW_SKU, {5, 20, 1}, {"kept", "1"}},
    {ROW_SKU, {7, 20, 2}, {"x", "1"}},
    {ROW_SKU, {9, 1, 3}, {"x", "1"}},
    {ROW_RELATED, {INT64_MAX, 1, 5}, {NULL}},
};

static void test_orphans(void **state)
{
    struct rows rows = {0};
    const struct product *p;
    struct error e;
    size_t count;
    (void)state;
    add_all(&rows, orphans, COUNT(orphans));
    assert_true(rows_join(&rows, &p, &count, &e));
    assert_int_equal(count, 2);
    assert_int_equal(rows.orphans, 3 + 1 + 2 + 2 + 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(p[i].feature_count, 1);
        check_str(p[i].features[0].feature, "kept");
        assert_int_equal(p[i].style_count, 1);
        assert_int_equal(p[i].styles[0].photo_count, 1);
        check_str(p[i].styles[0].photos[0].thumbnail_url, "kept");
        assert_int_equal(p[i].styles[0].sku_count, i == 0);
        assert_int_equal(p[i].related_count, 0);
    }
    rows_fini(&rows);
}

/* Parts without any product at all: none of it is shown, and it is no error. */
static void test_only_orphans(void **state)
{
    struct rows rows = {0};
    const struct product *p;
    struct error e;
    size_t count;
    (void)state;
    add_all(&rows, orphans + 2, COUNT(orphans) - 2);
    assert_true(rows_join(&rows, &p, &count, &e));
    assert_int_equal(count, 0);
    assert_true(rows.orphans >= 9);
    rows_fini(&rows);
}

static void test_many(void **state)
{
    enum { PRODUCTS = 3000 };
    struct rows rows = {0};
    const struct product *p;
    struct error e;
    size_t count;
    (void)state;
    assert_true(copy_add(&rows, &snapshot, &e));
    for (int64_t id = 1; id <= PRODUCTS; id++) {
        assert_true(copy_add(&rows, &(struct copy_row){ROW_PRODUCT, {id}, {"n", NULL, NULL, NULL, "1.00"}}, &e));
        for (int64_t i = 0; i < id % 4; i++) {
            assert_true(copy_add(&rows, &(struct copy_row){ROW_STYLE, {id, id * 10 + i, 0}, {"s", "1.00"}}, &e));
            assert_true(copy_add(&rows, &(struct copy_row){ROW_SKU, {id, id * 10 + i, id}, {"XL", "1"}}, &e));
        }
    }
    assert_true(rows_join(&rows, &p, &count, &e));
    assert_int_equal(count, PRODUCTS);
    assert_int_equal(rows.orphans, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(p[i].style_count, p[i].id % 4);
        for (size_t k = 0; k < p[i].style_count; k++) {
            assert_true(p[i].styles[k].sku_count == 1 && p[i].styles[k].skus[0].id == p[i].id);
        }
    }
    rows_fini(&rows);
}

/* All rows of `whole`, as far as memory goes. */
static bool add_encoded(struct rows *rows, const struct text *encoded, struct error *e)
{
    for (size_t i = 0; i < COUNT(whole); i++) {
        struct field fields[ROW_COLUMNS];
        bool end;
        if (!rows_split_copy(encoded[i].at, encoded[i].len, (enum row_kind)whole[i].kind, fields, &end, e) ||
            !rows_add(rows, fields, e)) {
            return false;
        }
    }
    return true;
}

static void test_no_memory(void **state)
{
    struct text encoded[COUNT(whole)] = {0};
    bool ok = false;
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(whole); i++) {
        copy_encode(&encoded[i], &whole[i]);
    }
    while (!ok) {
        struct rows rows = {0};
        struct error e = {0};
        allocation_fail_at(++n);
        ok = add_encoded(&rows, encoded, &e);
        assert_int_equal(ok, !allocation_was_refused());
        assert_true(ok || e.code == ERROR_SYSTEM);
        rows_fini(&rows);
    }
    assert_true(n > ROW_KINDS); /* one list a kind, and the arena */
    for (size_t i = 0; i < COUNT(whole); i++) {
        text_fini(&encoded[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_nothing), cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_only_orphans), cmocka_unit_test(test_many),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
