/* A product as the catalogue knows it: what Postgres returned, ready to be rendered. Plain data,
 * no I/O, no threads. All strings borrow from whoever filled the rows (refresh/rows.h) and are
 * UTF-8 without a NUL at the end. Prices are text with two decimals, as Postgres prints
 * numeric(12,2): they are never turned into floating point. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `at` is NULL for SQL's NULL. */
struct str {
    const char *at;
    uint32_t len;
};

struct feature {
    int64_t product_id;
    struct str feature;
    struct str value; /* may be NULL */
};

struct photo {
    int64_t product_id, style_id;
    struct str thumbnail_url;
    struct str url;
};

struct sku {
    int64_t product_id, style_id;
    int64_t id;
    struct str size;
    struct str quantity; /* digits */
};

struct style {
    int64_t product_id;
    int64_t id;
    struct str name;
    struct str original_price;
    struct str sale_price; /* NULL: not on sale */
    bool is_default;
    const struct photo *photos; /* by id */
    size_t photo_count;
    const struct sku *skus; /* by id */
    size_t sku_count;
};

struct related {
    int64_t product_id;
    int64_t related_id;
};

struct product {
    int64_t id;
    struct str name, slogan, description, category; /* all but name may be NULL */
    struct str default_price;
    const struct feature *features; /* by id */
    size_t feature_count;
    const struct style *styles; /* by id */
    size_t style_count;
    const struct related *related; /* by row id; repeats and the product itself still in it */
    size_t related_count;
};
