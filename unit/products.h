/* Products written down as literals. */
#pragma once
#include "catalog/product.h"

#include <string.h>

#define STR(literal)                                                                                                   \
    {                                                                                                                  \
        .at = literal, .len = sizeof(literal) - 1                                                                      \
    }
#define NO_STR                                                                                                         \
    {                                                                                                                  \
        .at = NULL                                                                                                     \
    }
#define LIST(name, array) .name##s = (array), .name##_count = sizeof(array) / sizeof *(array)

/* The one whose ETags are written down in make_entry_test.c: a change of a byte of it, or of how it is rendered, is one
 * of every client's caches. */
static const struct feature boots_features[] = {
    {.product_id = 11, .feature = STR("Sole"), .value = STR("Rubber")},
    {.product_id = 11, .feature = STR("Recycled"), .value = NO_STR},
};
static const struct photo boots_photos[] = {
    {.thumbnail_url = STR("https://img.example/1?w=300&h=1"), .url = STR("https://img.example/1")},
    {.thumbnail_url = NO_STR, .url = NO_STR},
};
static const struct sku boots_skus[] = {
    {.id = 37, .size = STR("XS"), .quantity = STR("8")},
    {.id = 38, .size = STR("XS"), .quantity = STR("0")}, /* real data has two of one size */
};
static const struct style boots_styles[] = {
    {.id = 1,
     .name = STR("Forest Green & Black"),
     .original_price = STR("140.00"),
     .sale_price = NO_STR,
     .is_default = true,
     LIST(photo, boots_photos),
     LIST(sku, boots_skus)},
    {.id = 2, .name = STR("Bare"), .original_price = STR("140.00"), .sale_price = STR("99.90")},
};
static const struct related boots_related[] = {
    {.related_id = 12}, {.related_id = 11}, {.related_id = 3}, {.related_id = 12}, {.related_id = 13},
};
static const struct product boots = {
    .id = 11,
    .name = STR("Air Minis 250"),
    .slogan = STR("Full court \"support\""),
    .description = STR("Über-light caf\xC3\xA9 racer"),
    .category = NO_STR,
    .default_price = STR("140.00"),
    LIST(feature, boots_features),
    LIST(style, boots_styles),
    .related = boots_related,
    .related_count = sizeof boots_related / sizeof *boots_related,
};
