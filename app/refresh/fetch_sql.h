/* The SQL of a fetch, in one place: the refresher reads single products with one statement, the
 * loader reads slices of the catalogue with one COPY per table; both give the same nine columns
 * (refresh/rows.h) in the same order. %s is the condition on the product id. */
#pragma once

#define SQL_NULLS_1 "NULL::text"
#define SQL_NULLS_2 SQL_NULLS_1 ", NULL::text"
#define SQL_NULLS_3 SQL_NULLS_2 ", NULL::text"
#define SQL_NULLS_4 SQL_NULLS_3 ", NULL::text"

#define SQL_SNAPSHOT "SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, pg_current_snapshot()::text, " SQL_NULLS_4
#define SQL_PRODUCTS                                                                                                   \
    "SELECT 1::bigint, id, 0::bigint, 0::bigint, name, slogan, description, category, default_price::text"             \
    " FROM public.products WHERE id "
#define SQL_FEATURES                                                                                                   \
    "SELECT 2::bigint, product_id, id, 0::bigint, feature, value, " SQL_NULLS_3                                        \
    " FROM public.features WHERE product_id "
#define SQL_STYLES                                                                                                     \
    "SELECT 3::bigint, product_id, id, default_style::int::bigint, name, original_price::text, "                       \
    "sale_price::text, " SQL_NULLS_2 " FROM public.styles WHERE product_id "
#define SQL_PHOTOS                                                                                                     \
    "SELECT 4::bigint, product_id, style_id, id, thumbnail_url, url, " SQL_NULLS_3                                     \
    " FROM public.photos WHERE product_id "
#define SQL_SKUS                                                                                                       \
    "SELECT 5::bigint, product_id, style_id, id, size, quantity::text, " SQL_NULLS_3                                   \
    " FROM public.skus WHERE product_id "
#define SQL_RELATED                                                                                                    \
    "SELECT 6::bigint, product_id, id, related_product_id, " SQL_NULLS_4 ", NULL::text"                                \
    " FROM public.related_products WHERE product_id "

/* ORDER BY of each table on its own: what its index gives without sorting. */
#define SQL_ORDER_PRODUCTS " ORDER BY id"
#define SQL_ORDER_2 " ORDER BY product_id, id"
#define SQL_ORDER_3 " ORDER BY product_id, style_id, id"

/* One statement, so one snapshot; `= ANY ($1)` takes the ids. */
#define SQL_FETCH_IDS                                                                                                  \
    SQL_SNAPSHOT " UNION ALL " SQL_PRODUCTS "= ANY ($1) UNION ALL " SQL_FEATURES "= ANY ($1) UNION ALL " SQL_STYLES    \
                 "= ANY ($1) UNION ALL " SQL_PHOTOS "= ANY ($1) UNION ALL " SQL_SKUS                                   \
                 "= ANY ($1) UNION ALL " SQL_RELATED "= ANY ($1) ORDER BY 1, 2, 3, 4"
