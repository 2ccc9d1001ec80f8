#include "load/table.h"

#define ID                                                                                                             \
    {                                                                                                                  \
        "id", "id", COLUMN_ID, false                                                                                   \
    }
#define TEXT(name, nullable)                                                                                           \
    {                                                                                                                  \
        name, name, COLUMN_TEXT, nullable                                                                              \
    }

const struct table tables[TABLES] = {
    [TABLE_PRODUCTS] = {.name = "products",
                        .files = {"product.csv", "products.csv"},
                        .columns = {ID,
                                    TEXT("name", false),
                                    TEXT("slogan", true),
                                    TEXT("description", true),
                                    TEXT("category", true),
                                    {"default_price", "default_price", COLUMN_PRICE, false}},
                        .count = 6},
    [TABLE_FEATURES] = {.name = "features",
                        .files = {"features.csv", "feature.csv"},
                        .columns = {ID,
                                    {"product_id", "product_id", COLUMN_PRODUCT, false},
                                    TEXT("feature", false),
                                    TEXT("value", true)},
                        .count = 4,
                        .headerless = true},
    [TABLE_RELATED] = {.name = "related_products",
                       .files = {"related.csv", "related_products.csv", "related_product.csv"},
                       .columns = {ID,
                                   {"product_id", "current_product_id", COLUMN_PRODUCT, false},
                                   {"related_product_id", "related_product_id", COLUMN_PRODUCT, false}},
                       .count = 3,
                       .headerless = true},
    [TABLE_STYLES] = {.name = "styles",
                      .files = {"styles.csv", "style.csv"},
                      .columns = {ID,
                                  {"product_id", "productId", COLUMN_PRODUCT, false},
                                  TEXT("name", false),
                                  {"sale_price", "sale_price", COLUMN_PRICE, true},
                                  {"original_price", "original_price", COLUMN_PRICE, false},
                                  {"default_style", "default_style", COLUMN_FLAG, false}},
                      .count = 6},
    [TABLE_PHOTOS] =
        {.name = "photos",
         .files = {"photos.csv", "photo.csv"},
         .columns = {ID, {"style_id", "styleId", COLUMN_STYLE, false}, TEXT("url", true), TEXT("thumbnail_url", true)},
         .count = 4,
         .by_style = true},
    [TABLE_SKUS] = {.name = "skus",
                    .files = {"skus.csv", "sku.csv"},
                    .columns = {ID,
                                {"style_id", "styleId", COLUMN_STYLE, false},
                                TEXT("size", false),
                                {"quantity", "quantity", COLUMN_QUANTITY, false}},
                    .count = 4,
                    .by_style = true},
};

const char *column_accepts(enum column_kind kind)
{
    static const char *const accepts[COLUMN_KINDS] = {
        [COLUMN_ID] = "a whole number from 1 to 9223372036854775807",
        [COLUMN_PRODUCT] = "a whole number from 1 to 9223372036854775807",
        [COLUMN_STYLE] = "a whole number from 1 to 9223372036854775807",
        [COLUMN_TEXT] = "UTF-8 text without NUL bytes",
        [COLUMN_PRICE] = "a price from 0 to 9999999999.99 with at most two decimals",
        [COLUMN_QUANTITY] = "a whole number from 0 to 2147483647",
        [COLUMN_FLAG] = "0, 1, true or false",
    };
    return accepts[kind];
}
