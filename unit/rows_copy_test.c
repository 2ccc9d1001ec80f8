/* Splitting COPY's binary rows, and taking their fields: what is whole is taken, what is cut or lies is refused. Each
 * input lies in memory of its exact size, so that the address sanitizer sees a byte too far. */
#include "unit.h"

#include "copy_row.h"

static const struct copy_row example = {ROW_PRODUCT, {11}, {"Bold Boots", "", NULL, "\xF0\x9F\x98\x80", "140.00"}};

static bool split(const void *bytes, size_t len, struct field fields[ROW_COLUMNS], bool *end, struct error *e)
{
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    bool ok = rows_split_copy(exact, len, ROW_PRODUCT, fields, end, e);
    for (int i = 1; ok && !*end && i < ROW_COLUMNS; i++) {
        bool here = i == 1 || i >= 4; /* a product has one id */
        assert_true(!here || !fields[i].at ||
                    (fields[i].len >= 0 && fields[i].at >= exact && fields[i].at + fields[i].len <= exact + len));
    }
    free(exact);
    return ok;
}

static void test_split(void **state)
{
    struct text row = {0};
    struct field fields[ROW_COLUMNS];
    struct error e;
    bool end = true;
    (void)state;
    copy_encode(&row, &example);
    assert_true(rows_split_copy(row.at, row.len, ROW_PRODUCT, fields, &end, &e));
    assert_false(end);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fields[i].len, 8);
    }
    assert_memory_equal(fields[0].at, "\0\0\0\0\0\0\0\x01", 8);
    assert_memory_equal(fields[1].at, "\0\0\0\0\0\0\0\x0B", 8);
    assert_memory_equal(fields[2].at, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(fields[4].len, 10);
    assert_memory_equal(fields[4].at, "Bold Boots", 10);
    assert_true(fields[5].at && fields[5].len == 0); /* empty, not NULL */
    assert_null(fields[6].at);
    assert_int_equal(fields[7].len, 4);
    text_fini(&row);
}

static void test_trailer(void **state)
{
    struct field fields[ROW_COLUMNS];
    struct error e;
    bool end = false;
    (void)state;
    assert_true(split("\xFF\xFF", 2, fields, &end, &e));
    assert_true(end);
}

static void test_cut_anywhere(void **state)
{
    struct text row = {0};
    struct field fields[ROW_COLUMNS];
    bool end;
    (void)state;
    copy_encode(&row, &example);
    for (size_t len = 0; len < row.len; len++) {
        struct error e = {0};
        assert_false(split(row.at, len, fields, &end, &e));
        assert_int_equal(e.code, ERROR_POSTGRES);
        assert_true(*e.text);
    }
    text_fini(&row);
}

static void test_column_count(void **state)
{
    static const unsigned counts[] = {0, 1, 5, 7, ROW_COLUMNS, 0x7FFF, 0x8000, 0xFFFE};
    struct text row = {0};
    (void)state;
    copy_encode(&row, &example);
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct field fields[ROW_COLUMNS];
        struct error e = {0};
        bool end;
        row.at[0] = (char)(counts[i] >> 8);
        row.at[1] = (char)counts[i];
        assert_false(split(row.at, row.len, fields, &end, &e));
        assert_non_null(strstr(e.text, "columns, not 6"));
    }
    text_fini(&row);
}

/* A column that claims more than there is. */
static void test_lengths_that_lie(void **state)
{
    static const uint32_t lengths[] = {9, 1000, INT32_MAX, UINT32_C(0x80000000), UINT32_C(0xFFFFFFFE)};
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct text row = {0};
        struct field fields[ROW_COLUMNS];
        struct error e = {0};
        bool end;
        uint16_t columns = htobe16(6);
        uint32_t size = htobe32(lengths[i]);
        text_add(&row, &columns, sizeof columns);
        text_add(&row, &size, sizeof size);
        text_add(&row, "12345678", 8);
        assert_false(split(row.at, row.len, fields, &end, &e));
        assert_non_null(strstr(e.text, "column 0 of a COPY row claims"));
        text_fini(&row);
    }
}

/* Any bytes at all: refused or within bounds. */
static void test_noise(void **state)
{
    uint64_t random = 99;
    struct text row = {0};
    (void)state;
    copy_encode(&row, &example);
    for (int turn = 0; turn < 5000; turn++) {
        struct rows rows = {0};
        struct field fields[ROW_COLUMNS];
        struct error e;
        bool end;
        char noisy[256];
        memcpy(noisy, row.at, row.len);
        for (uint64_t n = random_next(&random) % 6; n > 0; n--) {
            noisy[random_next(&random) % row.len] = (char)(random_next(&random) % 3 ? random_next(&random) : 0xFF);
        }
        split(noisy, row.len - random_next(&random) % 8, fields, &end, &e);
        bool added =
            rows_split_copy(noisy, row.len, ROW_PRODUCT, fields, &end, &e) && !end && rows_add(&rows, fields, &e);
        size_t count = rows.has_snapshot;
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            count += rows.list[kind].count;
        }
        assert_int_equal(count, added);
        rows_fini(&rows);
    }
    text_fini(&row);
}

/* ---- fields --------------------------------------------------------------------------------- */

static void test_kinds_and_ids(void **state)
{
    static const struct {
        const char *row;
        int column;
        const char *bytes; /* NULL: SQL's NULL */
        int32_t len;
    } bad[] = {
        {"a kind below all", 0, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8},
        {"a kind above all", 0, "\0\0\0\0\0\0\0\x07", 8},
        {"a huge kind", 0, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8},
        {"no kind", 0, NULL, 0},
        {"a kind of four bytes", 0, "\0\0\0\x01", 4},
        {"no product id", 1, NULL, 0},
        {"an empty product id", 1, "", 0},
        {"a product id of nine bytes", 1, "\0\0\0\0\0\0\0\0\x01", 9},
        {"no second id", 2, NULL, 0},
        {"no third id", 3, NULL, 0},
        {"a third id of seven bytes", 3, "1234567", 7},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct text row = {0};
        struct rows rows = {0};
        struct field fields[ROW_COLUMNS];
        struct error e = {0};
        bool end;
        copy_encode(&row, &example);
        assert_true(rows_split_copy(row.at, row.len, ROW_PRODUCT, fields, &end, &e));
        fields[bad[i].column] = (struct field){.at = bad[i].bytes, .len = bad[i].len};
        CHECK_ROW(bad[i].row, !rows_add(&rows, fields, &e));
        CHECK_ROW(bad[i].row, e.code == ERROR_POSTGRES);
        CHECK_ROW(bad[i].row, rows.list[ROW_PRODUCT].count == 0);
        rows_fini(&rows);
        text_fini(&row);
    }
}

static void test_snapshots(void **state)
{
    static const char *const bad[] = {NULL, "", "10", "20:10:"};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rows rows = {0};
        struct error e = {0};
        assert_true(copy_add(&rows, &(struct copy_row){ROW_SNAPSHOT, {0}, {"5:6:5"}}, &e));
        assert_true(rows.has_snapshot && rows.snapshot.running == 1);
        assert_false(copy_add(&rows, &(struct copy_row){ROW_SNAPSHOT, {0}, {bad[i]}}, &e));
        assert_false(rows.has_snapshot); /* not the one before it */
        assert_true(*e.text);
        rows_fini(&rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_trailer),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_column_count),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_kinds_and_ids),
        cmocka_unit_test(test_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
