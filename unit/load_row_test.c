/* A record's fields into a row: what is checked, what becomes known, how it is written. */
#include "unit.h"

#include "load/encode.h"
#include "load/row.h"

static const size_t in_order[COLUMNS_MAX] = {0, 1, 2, 3, 4, 5};

struct world {
    struct references known;
    struct row row;
    struct rejection why;
    char scratch[256];
};

static enum row_verdict check(struct world *w, enum table_id table, const char *record)
{
    struct csv_row fields;
    assert_int_equal(csv_split(record, strlen(record), &fields), CSV_COMPLETE);
    assert_int_equal(fields.count, tables[table].count);
    return row_check(&tables[table], fields.fields, in_order, &w->known, w->scratch, &w->row, &w->why);
}

static void kept(struct world *w, enum table_id table, const char *record, const char *line)
{
    struct text out = {0};
    assert_int_equal(check(w, table, record), ROW_KEPT);
    encode_copy(&out, &tables[table], &w->row);
    assert_string_equal(out.at, line);
    text_fini(&out);
}

static void rejected(struct world *w, enum table_id table, const char *record, enum reason reason, const char *detail)
{
    assert_int_equal(check(w, table, record), ROW_REJECTED);
    assert_int_equal(w->why.reason, reason);
    assert_non_null(strstr(w->why.detail, detail));
}

static int start(void **state)
{
    static struct world w;
    w = (struct world){0};
    kept(&w, TABLE_PRODUCTS, "11,n,s,d,c,140", "11\tn\ts\td\tc\t140\n");
    kept(&w, TABLE_STYLES, "5,11,Blue,null,140,1", "5\t11\tBlue\t\\N\t140\t1\n");
    references_next(&w.known);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    references_fini(&((struct world *)*state)->known);
    return 0;
}

static void test_rows_that_are_kept(void **state)
{
    struct world *w = *state;
    kept(w, TABLE_PRODUCTS, "12,\"a, \"\"b\"\"\",null,\"null\",,0.5", "12\ta, \"b\"\t\\N\tnull\t\t0.5\n");
    kept(w, TABLE_PRODUCTS, "13,a\\b,\"t\tt\",\"n\nn\",\"r\rr\",1", "13\ta\\\\b\tt\\tt\tn\\nn\tr\\rr\t1\n");
    kept(w, TABLE_STYLES, "6,11,Red,,1.5,FALSE", "6\t11\tRed\t\\N\t1.5\t0\n");
    kept(w, TABLE_PHOTOS, "1,5,null,t", "1\t5\t\\N\tt\t11\n");
    references_next(&w->known);
    kept(w, TABLE_SKUS, "1,5,XL,8", "1\t5\tXL\t8\t11\n");
    kept(w, TABLE_SKUS, "2,5,XL,8", "2\t5\tXL\t8\t11\n");
    references_next(&w->known);
    kept(w, TABLE_RELATED, "1,11,11", "1\t11\t11\n");
    kept(w, TABLE_RELATED, "2,11,12", "2\t11\t12\n");
    assert_int_equal(w->row.product_id, 11);
}

static void test_rows_that_are_rejected(void **state)
{
    struct world *w = *state;
    rejected(w, TABLE_PRODUCTS, "0,n,s,d,c,1", REASON_VALUE, "id is '0'");
    rejected(w, TABLE_PRODUCTS, "null,n,s,d,c,1", REASON_MISSING, "id is missing");
    rejected(w, TABLE_PRODUCTS, "2,null,s,d,c,1", REASON_MISSING, "name is missing");
    rejected(w, TABLE_PRODUCTS, "2,n,s,d,c,", REASON_MISSING, "default_price is missing");
    rejected(w, TABLE_PRODUCTS, "2,n,s,d,c,1.005", REASON_VALUE, "'1.005'; it must be a price");
    rejected(w, TABLE_PRODUCTS, "2,caf\xE9,s,d,c,1", REASON_VALUE, "'caf?'; it must be UTF-8");
    rejected(w, TABLE_STYLES, "7,11,n,1,1,maybe", REASON_VALUE, "default_style is 'maybe'");
    rejected(w, TABLE_STYLES, "7,99,n,1,1,0", REASON_NO_PRODUCT, "product_id is 99");
    rejected(w, TABLE_SKUS, "7,99,S,1", REASON_NO_STYLE, "style_id is 99");
    rejected(w, TABLE_SKUS, "7,5,S,-1", REASON_VALUE, "quantity is '-1'");
    rejected(w, TABLE_RELATED, "7,11,99", REASON_NO_PRODUCT, "related_product_id is 99");
    rejected(w, TABLE_RELATED, "7,11,0", REASON_VALUE, "related_product_id is '0'");
    rejected(w, TABLE_FEATURES, "7,99,f,v", REASON_NO_PRODUCT, "product_id is 99");
}

static void test_an_id_that_came_before_is_rejected(void **state)
{
    struct world *w = *state;
    rejected(w, TABLE_PRODUCTS, "11,n,s,d,c,1", REASON_DUPLICATE, "id 11 came before");
    rejected(w, TABLE_STYLES, "5,11,n,1,1,0", REASON_DUPLICATE, "id 5 came before");
    kept(w, TABLE_SKUS, "1,5,S,1", "1\t5\tS\t1\t11\n");
    rejected(w, TABLE_SKUS, "1,5,M,1", REASON_DUPLICATE, "id 1 came before");
    references_next(&w->known);
    kept(w, TABLE_PHOTOS, "1,5,u,t", "1\t5\tu\tt\t11\n"); /* another table's ids are its own */
}

static void test_a_rejected_row_leaves_its_id_free(void **state)
{
    struct world *w = *state;
    rejected(w, TABLE_SKUS, "1,5,S,-1", REASON_VALUE, "quantity");
    kept(w, TABLE_SKUS, "1,5,S,1", "1\t5\tS\t1\t11\n");
}

static void test_exact_repeats_of_features(void **state)
{
    static const struct {
        const char *record;
        enum id_added added;
    } cases[] = {
        {"1,11,Cut,Loose", ID_ADDED},
        {"2,11,Cut,Loose", ID_PRESENT},
        {"3,11,Cut,null", ID_ADDED},
        {"4,11,Cut,\"\"", ID_ADDED},
        {"5,11,Cut,null", ID_PRESENT},
        {"6,11,CutL,oose", ID_ADDED},
        {"7,11,\"Cut\",\"Loose\"", ID_PRESENT},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(check(w, TABLE_FEATURES, cases[i].record), ROW_KEPT);
        assert_int_equal(row_repeats(&w->row, &w->known), cases[i].added);
    }
}

static void test_rows_as_a_legacy_file(void **state)
{
    struct world *w = *state;
    struct text out = {0};
    assert_int_equal(check(w, TABLE_PRODUCTS, "12,\"a, \"\"b\"\"\",null,\"null\",,0.5"), ROW_KEPT);
    encode_csv_header(&out, &tables[TABLE_STYLES]);
    encode_csv(&out, &tables[TABLE_PRODUCTS], &w->row);
    assert_string_equal(out.at, "id,productId,name,sale_price,original_price,default_style\n"
                                "12,\"a, \"\"b\"\"\",null,\"null\",\"\",0.5\n");
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_that_are_kept, start, end),
        cmocka_unit_test_setup_teardown(test_rows_that_are_rejected, start, end),
        cmocka_unit_test_setup_teardown(test_an_id_that_came_before_is_rejected, start, end),
        cmocka_unit_test_setup_teardown(test_a_rejected_row_leaves_its_id_free, start, end),
        cmocka_unit_test_setup_teardown(test_exact_repeats_of_features, start, end),
        cmocka_unit_test_setup_teardown(test_rows_as_a_legacy_file, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
