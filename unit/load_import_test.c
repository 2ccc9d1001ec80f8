/* Whole directories of legacy files: the fixture with all its dirt, and what is no catalogue. */
#include "unit.h"

#include "load/import.h"
#include "load_rows.h"

#include <sys/stat.h>

static char directory[] = "/tmp/atelier-import-XXXXXX";
static char rejects_path[64];

struct outcome {
    struct kept_rows kept;
    struct report report;
    struct error e;
    bool done;
};

static void run_import(const char *from, struct outcome *out)
{
    struct rejects rejects;
    struct progress progress = {.drawn_ms = 0};
    struct sink sink = keep_rows(&out->kept);
    assert_true(rejects_open(&rejects, rejects_path, &out->e));
    out->done = import_files(from, &sink, &rejects, &progress, &out->report, &out->e);
    assert_true(rejects_close(&rejects, &out->e));
}

static void test_the_fixture(void **state)
{
    static const struct tally expected[TABLES] = {
        [TABLE_PRODUCTS] = {.file = "product.csv", .read = 34, .kept = 21, .repaired = 0, .rejected = 13},
        [TABLE_FEATURES] = {.file = "features.csv", .read = 15, .kept = 10, .repaired = 1, .rejected = 5},
        [TABLE_RELATED] = {.file = "related.csv", .read = 12, .kept = 6, .repaired = 0, .rejected = 6},
        [TABLE_STYLES] = {.file = "styles.csv", .read = 16, .kept = 10, .repaired = 0, .rejected = 6},
        [TABLE_PHOTOS] = {.file = "photos.csv", .read = 12, .kept = 8, .repaired = 3, .rejected = 4},
        [TABLE_SKUS] = {.file = "sku.csv", .read = 14, .kept = 7, .repaired = 0, .rejected = 7, .unread = 1},
    };
    struct outcome out = {0};
    (void)state;
    run_import("unit/data/catalogue", &out);
    assert_true(out.done);
    for (size_t t = 0; t < TABLES; t++) {
        const struct tally *tally = &out.report.tallies[t];
        int64_t reasons = 0;
        for (size_t r = 0; r < REASONS; r++) {
            reasons += tally->reasons[r];
        }
        assert_string_equal(tally->file, expected[t].file);
        assert_int_equal(tally->read, expected[t].read);
        assert_int_equal(tally->kept, expected[t].kept);
        assert_int_equal(tally->repaired, expected[t].repaired);
        assert_int_equal(tally->rejected, expected[t].rejected);
        assert_int_equal(tally->unread, expected[t].unread);
        assert_int_equal(reasons, tally->rejected);
    }
    assert_int_equal(out.report.repeats, 1);
    assert_int_equal(out.kept.ended, TABLES);
    kept_rows_fini(&out.kept);
}

static void test_rows_of_the_fixture(void **state)
{
    static const struct {
        enum table_id table;
        const char *line;
    } lines[] = {
        {TABLE_PRODUCTS, "3\tThe \"Original\" Heel, 3\" Block\tSay \"hello\"\tCommas, and \"quotes\".\tHeels\t60\n"},
        {TABLE_PRODUCTS, "4\tTwo Lines Jacket\tSlogan\tThe first line\\nand the second, \"quoted\" one.\tJacket\t95\n"},
        {TABLE_PRODUCTS, "5\tNulls Cap\t\\N\t\\N\t\\N\t12\n"},
        {TABLE_PRODUCTS, "10\tWord Null Skirt\tnull\tQuoted, null is a word.\tnull\t10.5\n"},
        {TABLE_PRODUCTS, "20\tBare Text Jeans\tSlogan with a 19\" wheel\tDescription.\tJeans\t20\n"},
        {TABLE_PRODUCTS, "31\tLast Row Slacks\tSlogan\tNo line end after this row.\tSlacks\t31\n"},
        {TABLE_FEATURES, "12\t3\tOpen\tNo closing quote\n"},
        {TABLE_RELATED, "11\t3\t9007199254740993\n"},
        {TABLE_STYLES, "3\t1\tSecond Default\t\\N\t140\t1\n"},
        {TABLE_PHOTOS, "12\t4\thttps://images.atelier.example/photo-12?w=1650&q=80\t"
                       "https://images.atelier.example/photo-12?w=300&q=80\t2\n"},
        {TABLE_SKUS, "11\t9007199254740993\tOne Size\t1\t2\n"},
    };
    struct outcome out = {0};
    (void)state;
    run_import("unit/data/catalogue", &out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_non_null(strstr(kept(&out.kept, lines[i].table), lines[i].line));
    }
    kept_rows_fini(&out.kept);
}

static void test_rejected_rows_are_in_a_file_with_line_and_reason(void **state)
{
    static const char *const lines[] = {
        "\nproduct.csv,23,\"id is '0'; it must be a whole number from 1 to 9223372036854775807\",\"0, \"\"Id Zero\"\"",
        "\nproduct.csv,35,\"the quote that opens field 4 is not closed\",\"30, ",
        "\nrelated.csv,11,\"2 fields; a row here has 3\",\"10,2\"\n",
        "\nphotos.csv,9,\"style_id is 999: there is no such style\",\"8,999,",
        "\nsku.csv,16,\"quantity is '3.5'; it must be a whole number from 0 to "
        "2147483647\",\"13,4,\"\"8\"\",3.5,\"\"A\"\"\"\n",
    };
    struct outcome out = {0};
    char text[16384];
    (void)state;
    run_import("unit/data/catalogue", &out);
    FILE *file = fopen(rejects_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_memory_equal(text, "file,line,reason,row\n", 21);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_non_null(strstr(text, lines[i]));
    }
    kept_rows_fini(&out.kept);
}

static void write_file(const char *name, const char *bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static const struct {
    const char *name, *bytes;
} small[] = {
    {"products.csv", "id,name,slogan,description,category,default_price\n1,n,s,d,c,1\n"},
    {"feature.csv", "id,productId,feature,value\n"},
    {"related_products.csv", "id,product_id,related_product_id\n"},
    {"style.csv", "id,product_id,name,sale_price,original_price,default_style\n1,1,n,null,1,1\n"},
    {"photo.csv", "id,styleId,url,thumbnail_url\n"},
    {"skus.csv", "id,style_id,size,quantity\n"},
};

static int write_small(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        write_file(small[i].name, small[i].bytes);
    }
    return 0;
}

static void test_other_names_and_empty_tables(void **state)
{
    struct outcome out = {0};
    (void)state;
    run_import(directory, &out);
    assert_true(out.done);
    assert_string_equal(kept(&out.kept, TABLE_STYLES), "1\t1\tn\t\\N\t1\t1\n");
    assert_string_equal(kept(&out.kept, TABLE_SKUS), "");
    kept_rows_fini(&out.kept);
}

static void fails(const char *says)
{
    struct outcome out = {0};
    run_import(directory, &out);
    assert_false(out.done);
    assert_non_null(strstr(out.e.text, says));
    kept_rows_fini(&out.kept);
}

static void test_a_file_that_is_missing_or_there_twice(void **state)
{
    (void)state;
    remove_file("skus.csv");
    fails("has no file skus.csv or sku.csv");
    write_file("skus.csv", small[5].bytes);
    write_file("sku.csv", small[5].bytes);
    fails("has both skus.csv and sku.csv");
    remove_file("sku.csv");
}

static void test_a_file_that_is_not_what_it_should_be(void **state)
{
    (void)state;
    write_file("skus.csv", "id,size\n");
    fails("skus.csv: the header line names column style_id nowhere");
    write_file("skus.csv", "");
    fails("skus.csv: the header line names column id nowhere");
    write_file("skus.csv", "id,style_id,size,quantity\n1,77,S,1\n2,78,S,1\n");
    fails("skus.csv: none of its 2 rows is accepted");
    remove_file("skus.csv");
    char path[128];
    snprintf(path, sizeof path, "%s/skus.csv", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    fails("is not a regular file");
    remove_file("skus.csv");
}

static void test_a_line_without_end(void **state)
{
    enum { LONG = 1200000 };
    char *bytes = malloc(LONG + 1);
    (void)state;
    memset(bytes, 'x', LONG);
    bytes[LONG] = '\0';
    memcpy(bytes, "id,style_id,size,quantity\n", 26);
    write_file("skus.csv", bytes);
    fails("skus.csv: line 2 is longer than 1048576 bytes");
    free(bytes);
}

static void test_a_sink_that_fails_ends_the_import(void **state)
{
    struct outcome out = {.kept = {.fail_at = &tables[TABLE_STYLES]}};
    (void)state;
    run_import(directory, &out);
    assert_false(out.done);
    assert_string_equal(out.e.text, "style.csv: the sink is full");
    assert_int_equal(out.kept.begun, TABLE_STYLES + 1);
    kept_rows_fini(&out.kept);
}

static int make_directory(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(rejects_path, sizeof rejects_path, "%s/rejected.csv", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        remove_file(small[i].name);
    }
    unlink(rejects_path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fixture),
        cmocka_unit_test(test_rows_of_the_fixture),
        cmocka_unit_test(test_rejected_rows_are_in_a_file_with_line_and_reason),
        cmocka_unit_test_setup(test_other_names_and_empty_tables, write_small),
        cmocka_unit_test_setup(test_a_file_that_is_missing_or_there_twice, write_small),
        cmocka_unit_test_setup(test_a_file_that_is_not_what_it_should_be, write_small),
        cmocka_unit_test_setup(test_a_line_without_end, write_small),
        cmocka_unit_test_setup(test_a_sink_that_fails_ends_the_import, write_small),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
