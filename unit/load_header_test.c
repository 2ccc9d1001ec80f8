/* Header lines in all their spellings. */
#include "unit.h"

#include "load/header.h"

static bool read_line(enum table_id table, const char *line, struct header *out, struct error *e)
{
    return header_read(&tables[table], line, strlen(line), out, e);
}

static void test_every_spelling(void **state)
{
    static const struct {
        enum table_id table;
        const char *line;
    } cases[] = {
        {TABLE_PRODUCTS, "id,name,slogan,description,category,default_price"},
        {TABLE_PRODUCTS, "id, name, slogan, description, category, default_price"},
        {TABLE_FEATURES, "id, product_id, feature, value"},
        {TABLE_FEATURES, "id,productId,feature,value"},
        {TABLE_STYLES, "id,productId,name,sale_price,original_price,default_style"},
        {TABLE_STYLES, "ID,Product_ID,NAME,Sale Price,originalPrice,default_style"},
        {TABLE_PHOTOS, "id,styleId,url,thumbnail_url"},
        {TABLE_PHOTOS, "\"id\",\"style_id\",\"url\",\"thumbnailUrl\""},
        {TABLE_SKUS, "id,styleId,size,quantity"},
        {TABLE_RELATED, "id,current_product_id,related_product_id"},
        {TABLE_RELATED, "id,product_id,related_product_id"},
        {TABLE_RELATED, "id, currentProductId, relatedProductId"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct header header;
        struct error e;
        assert_true(read_line(cases[i].table, cases[i].line, &header, &e));
        assert_true(header.present);
        assert_int_equal(header.rules.fields, tables[cases[i].table].count);
        for (size_t c = 0; c < tables[cases[i].table].count; c++) {
            assert_int_equal(header.field_of[c], c);
        }
    }
}

static void test_columns_in_another_order_and_columns_that_are_not_read(void **state)
{
    struct header header;
    struct error e;
    (void)state;
    assert_true(read_line(TABLE_SKUS, "warehouse,quantity,size,id,styleId", &header, &e));
    assert_int_equal(header.rules.fields, 5);
    assert_int_equal(header.rules.id_field, 3);
    assert_int_equal(header.field_of[1], 4);
    assert_int_equal(header.field_of[3], 1);
    assert_int_equal(header.unread, 1);
}

static void test_a_file_without_header(void **state)
{
    struct header header;
    struct error e;
    (void)state;
    assert_true(read_line(TABLE_RELATED, "1,1,2", &header, &e));
    assert_false(header.present);
    assert_int_equal(header.rules.fields, 3);
    assert_int_equal(header.field_of[2], 2);
    assert_true(read_line(TABLE_FEATURES, "1, 1, \"Fabric\", \"Canvas\"", &header, &e));
    assert_false(header.present);
}

static void test_what_is_no_header(void **state)
{
    static const struct {
        enum table_id table;
        const char *line, *says;
    } cases[] = {
        {TABLE_PRODUCTS, "1,a,b,c,d,5", "must start with a header line"},
        {TABLE_SKUS, "", "column id nowhere"},
        {TABLE_SKUS, "id,styleId,size", "column quantity nowhere"},
        {TABLE_SKUS, "id,styleId,size,quantity,style_id", "column style_id more than once"},
        {TABLE_SKUS, "id,\"styleId,size,quantity", "no header line"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct header header;
        struct error e = {0};
        assert_false(read_line(cases[i].table, cases[i].line, &header, &e));
        assert_int_equal(e.code, ERROR_DATA);
        assert_non_null(strstr(e.text, cases[i].says));
    }
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    assert_int_equal(header_bom("\xEF\xBB\xBFid", 5), 3);
    assert_int_equal(header_bom("\xEF\xBB", 2), 0);
    assert_int_equal(header_bom("id,name", 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_spelling),
        cmocka_unit_test(test_columns_in_another_order_and_columns_that_are_not_read),
        cmocka_unit_test(test_a_file_without_header),
        cmocka_unit_test(test_what_is_no_header),
        cmocka_unit_test(test_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
