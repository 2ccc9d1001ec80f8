/* The renderer, byte for byte: these bytes are the contract, and what every ETag is made from. */
#include "unit.h"

#include "base/clock.h"
#include "json.h"
#include "products.h"
#include "refresh/render.h"

#include <inttypes.h>

static struct renderer *renderer;

static int set_up(void **state)
{
    struct error e;
    (void)state;
    return renderer_new(&renderer, &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    renderer_free(&renderer);
    renderer_free(&renderer);
    return 0;
}

static void check(const char *row, const struct product *p, enum document_kind kind, const char *expected)
{
    const struct rendered *r;
    struct error e;
    CHECK_ROW(row, renderer_render(renderer, p, &r, &e));
    const struct text *document = &r->document[kind];
    check_bytes(row, document->at, document->len, expected, strlen(expected));
    for (int k = 0; k < DOCUMENT_KINDS; k++) {
        CHECK_ROW(row, json_is_valid(r->document[k].at, r->document[k].len));
    }
}

#define PRICE "\"default_price\":\"1.00\""

static void test_whole(void **state)
{
    (void)state;
    check("product", &boots, DOCUMENT_PRODUCT,
          "{\"id\":11,\"name\":\"Air Minis 250\",\"slogan\":\"Full court \\\"support\\\"\","
          "\"description\":\"Über-light café racer\",\"category\":null,\"default_price\":\"140.00\","
          "\"features\":[{\"feature\":\"Sole\",\"value\":\"Rubber\"},{\"feature\":\"Recycled\",\"value\":null}]}");
    check("styles", &boots, DOCUMENT_STYLES,
          "{\"product_id\":\"11\",\"results\":[{\"style_id\":1,\"name\":\"Forest Green & Black\","
          "\"original_price\":\"140.00\",\"sale_price\":null,\"default?\":true,"
          "\"photos\":[{\"thumbnail_url\":\"https://img.example/1?w=300&h=1\",\"url\":\"https://img.example/1\"},"
          "{\"thumbnail_url\":null,\"url\":null}],"
          "\"skus\":{\"37\":{\"quantity\":8,\"size\":\"XS\"},\"38\":{\"quantity\":0,\"size\":\"XS\"}}},"
          "{\"style_id\":2,\"name\":\"Bare\",\"original_price\":\"140.00\",\"sale_price\":\"99.90\",\"default?\":false,"
          "\"photos\":[],\"skus\":{}}]}");
    check("related", &boots, DOCUMENT_RELATED, "[12,3,13]");
}

/* Never null, never a row of nulls. */
static void test_empty_lists(void **state)
{
    const struct product bare = {.id = 1, .name = STR(""), .default_price = STR("1.00")};
    (void)state;
    check("product", &bare, DOCUMENT_PRODUCT,
          "{\"id\":1,\"name\":\"\",\"slogan\":null,\"description\":null,\"category\":null," PRICE ",\"features\":[]}");
    check("styles", &bare, DOCUMENT_STYLES, "{\"product_id\":\"1\",\"results\":[]}");
    check("related", &bare, DOCUMENT_RELATED, "[]");
}

static const struct {
    const char *row;
    struct str name;
    const char *json; /* between the quotes */
} strings[] = {
    {"quote and backslash", STR("19\" \\ wheel"), "19\\\" \\\\ wheel"},
    {"short escapes", STR("\b\t\n\f\r"), "\\b\\t\\n\\f\\r"},
    {"slash and markup are left alone", STR("</script>&'"), "</script>&'"},
    {"DEL", STR("\x7F"), "\x7F"},
    {"two bytes", STR("\xC3\xA9"), "\xC3\xA9"},
    {"euro", STR("\xE2\x82\xAC"), "\xE2\x82\xAC"},
    {"line and paragraph separator", STR("a\xE2\x80\xA8z\xE2\x80\xA9"), "a\xE2\x80\xA8z\xE2\x80\xA9"},
    {"emoji", STR("\xF0\x9F\x91\x9F"), "\xF0\x9F\x91\x9F"},
    {"the word null", STR("null"), "null"},
};

static void check_name(const char *row, struct str name, const char *json)
{
    struct text expected = {0};
    const struct product p = {.id = 1, .name = name, .default_price = STR("1.00")};
    text_printf(&expected,
                "{\"id\":1,\"name\":\"%s\",\"slogan\":null,\"description\":null,\"category\":null," PRICE
                ",\"features\":[]}",
                json);
    check(row, &p, DOCUMENT_PRODUCT, expected.at);
    text_fini(&expected);
}

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        check_name(strings[i].row, strings[i].name, strings[i].json);
    }
}

static void test_each_control_character(void **state)
{
    static const char *const escapes[32] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    (void)state;
    for (int c = 0; c < 32; c++) {
        char byte = (char)c;
        char unicode[8];
        snprintf(unicode, sizeof unicode, "\\u%04X", c);
        check_name(unicode, (struct str){.at = &byte, .len = 1}, escapes[c] ? escapes[c] : unicode);
    }
}

static void test_64_bit_ids(void **state)
{
    const struct sku skus[] = {{.id = INT64_MAX, .size = STR("S"), .quantity = STR("2147483647")}};
    const struct style styles[] = {
        {.id = INT64_MAX, .name = STR("n"), .original_price = STR("9999999999.99"), LIST(sku, skus)}};
    const struct related related[] = {{.related_id = INT64_MAX - 1}, {.related_id = INT64_C(9007199254740993)}};
    const struct product p = {.id = INT64_MAX,
                              .name = STR("n"),
                              .default_price = STR("0.00"),
                              LIST(style, styles),
                              .related = related,
                              .related_count = 2};
    (void)state;
    check("product", &p, DOCUMENT_PRODUCT,
          "{\"id\":9223372036854775807,\"name\":\"n\",\"slogan\":null,\"description\":null,\"category\":null,"
          "\"default_price\":\"0.00\",\"features\":[]}");
    check("styles", &p, DOCUMENT_STYLES,
          "{\"product_id\":\"9223372036854775807\",\"results\":[{\"style_id\":9223372036854775807,\"name\":\"n\","
          "\"original_price\":\"9999999999.99\",\"sale_price\":null,\"default?\":false,\"photos\":[],"
          "\"skus\":{\"9223372036854775807\":{\"quantity\":2147483647,\"size\":\"S\"}}}]}");
    check("related", &p, DOCUMENT_RELATED, "[9223372036854775806,9007199254740993]");
}

/* By row id, each once, where it was first; never the product itself. */
static void test_related(void **state)
{
    static const struct {
        const char *row;
        int64_t ids[6];
        const char *expected;
    } rows[] = {
        {"one", {2}, "[2]"},
        {"the order of the rows", {9, 2, 5}, "[9,2,5]"},
        {"only itself", {1}, "[]"},
        {"itself, twice, and another", {1, 4, 1}, "[4]"},
        {"repeats", {7, 7, 3, 7, 3, 8}, "[7,3,8]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct related related[6] = {{0}};
        size_t n = 0;
        for (; n < 6 && rows[i].ids[n]; n++) {
            related[n].related_id = rows[i].ids[n];
        }
        const struct product p = {
            .id = 1, .name = STR("n"), .default_price = STR("1.00"), .related = related, .related_count = n};
        check(rows[i].row, &p, DOCUMENT_RELATED, rows[i].expected);
    }
}

/* 50,000 rows, no two alike, then all of them again: looked for one by one they take minutes. The next product, a
 * small one, has nothing of it. The ids lie 2^32 apart, so that only their high halves tell them apart. */
static void test_many_related(void **state)
{
    enum { IDS = 25000, LIMIT_MS = 5000 };
    struct related *related = calloc(2 * IDS, sizeof *related);
    struct product p = {.id = 1, .name = STR("n"), .default_price = STR("1.00"), .related = related};
    struct text expected = {0};
    (void)state;
    assert_non_null(related);
    p.related_count = 2 * IDS;
    text_str(&expected, "[");
    for (int64_t i = 0; i < IDS; i++) {
        int64_t id = (i * 7919 % IDS + 1) << 32;
        related[i].related_id = related[2 * IDS - 1 - i].related_id = id;
        text_printf(&expected, "%s%" PRId64, i ? "," : "", id);
    }
    text_str(&expected, "]");
    int64_t start = clock_ms();
    check("many", &p, DOCUMENT_RELATED, expected.at);
    assert_in_range(clock_ms() - start, 0, LIMIT_MS);
    check("small", &boots, DOCUMENT_RELATED, "[12,3,13]");
    text_fini(&expected);
    free(related);
}

/* The card is a prefix of the product document, and a brace. */
static void test_card(void **state)
{
    static const char expected[] = "{\"id\":11,\"name\":\"Air Minis 250\",\"slogan\":\"Full court \\\"support\\\"\","
                                   "\"description\":\"Über-light café racer\",\"category\":null,"
                                   "\"default_price\":\"140.00\"";
    const struct rendered *r;
    struct error e;
    (void)state;
    assert_true(renderer_render(renderer, &boots, &r, &e));
    check_bytes("card", r->document[DOCUMENT_PRODUCT].at, r->card_length, expected, sizeof expected - 1);
}

/* Members of the style that stands for the product: the default one, else the first. */
static void check_shown(const char *row, const struct product *p, const char *prices, const char *thumbnail)
{
    const struct rendered *r;
    struct error e;
    CHECK_ROW(row, renderer_render(renderer, p, &r, &e));
    const char *styles = r->document[DOCUMENT_STYLES].at;
    check_bytes(row, styles + r->prices.offset, r->prices.length, prices, strlen(prices));
    check_bytes(row, styles + r->thumbnail.offset, r->thumbnail.length, thumbnail, strlen(thumbnail));
}

static void test_shown_style(void **state)
{
    static const struct photo photos[] = {{.thumbnail_url = STR("a\"b"), .url = STR("u")},
                                          {.thumbnail_url = STR("second"), .url = STR("u")}};
    struct style styles[] = {
        {.id = 1, .name = STR("One"), .original_price = STR("1.00"), .sale_price = STR("0.50")},
        {.id = 2, .name = STR("Two"), .original_price = STR("2.00"), .is_default = true, LIST(photo, photos)},
        {.id = 3, .name = STR("Three"), .original_price = STR("3.00"), .is_default = true},
    };
    struct product p = {.id = 1, .name = STR("n"), .default_price = STR("1.00"), LIST(style, styles)};
    (void)state;
    check_shown("default", &p, ",\"original_price\":\"2.00\",\"sale_price\":null", "\"thumbnail_url\":\"a\\\"b\"");
    styles[1].is_default = styles[2].is_default = false;
    check_shown("first", &p, ",\"original_price\":\"1.00\",\"sale_price\":\"0.50\"", "");
    p.style_count = 0;
    check_shown("none", &p, "", "");
    check_shown("the first of two photos", &boots, ",\"original_price\":\"140.00\",\"sale_price\":null",
                "\"thumbnail_url\":\"https://img.example/1?w=300&h=1\"");
}

/* What a product left behind must not show in the next one; nor a failure. */
static void test_again(void **state)
{
    const struct product bare = {.id = 2, .name = STR("n"), .default_price = STR("1.00")};
    (void)state;
    for (int i = 0; i < 3; i++) {
        check("large", &boots, DOCUMENT_RELATED, "[12,3,13]");
        check("small", &bare, DOCUMENT_STYLES, "{\"product_id\":\"2\",\"results\":[]}");
    }
}

static void test_large(void **state)
{
    enum { PHOTOS = 20000 };
    struct photo *photos = calloc(PHOTOS, sizeof *photos);
    struct style style = {.id = 1, .name = STR("n"), .original_price = STR("1.00")};
    struct product p = {.id = 1, .name = STR("n"), .default_price = STR("1.00"), .styles = &style, .style_count = 1};
    const struct rendered *r;
    struct error e;
    (void)state;
    assert_non_null(photos);
    for (int i = 0; i < PHOTOS; i++) {
        photos[i] = (struct photo){.thumbnail_url = STR("https://img.example/thumbnail"), .url = STR("u")};
    }
    style.photos = photos;
    style.photo_count = PHOTOS;
    assert_true(renderer_render(renderer, &p, &r, &e));
    assert_true(r->document[DOCUMENT_STYLES].len > PHOTOS * 50);
    assert_true(json_is_valid(r->document[DOCUMENT_STYLES].at, r->document[DOCUMENT_STYLES].len));
    free(photos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_empty_lists),
        cmocka_unit_test(test_strings),     cmocka_unit_test(test_each_control_character),
        cmocka_unit_test(test_64_bit_ids),  cmocka_unit_test(test_related),
        cmocka_unit_test(test_card),        cmocka_unit_test(test_again),
        cmocka_unit_test(test_large),       cmocka_unit_test(test_many_related),
        cmocka_unit_test(test_shown_style),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
