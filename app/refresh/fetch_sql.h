/* The SQL of a fetch, in one place: the refresher reads single products with one statement, of nine columns
 * (refresh/rows.h); the loader reads slices of the catalogue with one COPY per table, of those columns that the table
 * has: half of what Postgres spends on a COPY is spent on columns, whatever is in them. */
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

/* One statement, so one snapshot; `= ANY ($1)` takes the ids. */
#define SQL_FETCH_IDS                                                                                                  \
    SQL_SNAPSHOT " UNION ALL " SQL_PRODUCTS "= ANY ($1) UNION ALL " SQL_FEATURES "= ANY ($1) UNION ALL " SQL_STYLES    \
                 "= ANY ($1) UNION ALL " SQL_PHOTOS "= ANY ($1) UNION ALL " SQL_SKUS                                   \
                 "= ANY ($1) UNION ALL " SQL_RELATED "= ANY ($1) ORDER BY 1, 2, 3, 4"

/* ---- slices --------------------------------------------------------------------------------- */

#define SQL_BEGIN_SLICE                                                                                                \
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE public.products, public.features, public.styles,"     \
    " public.photos, public.skus, public.related_products IN ACCESS SHARE MODE; "

#define SQL_COPY_SNAPSHOT "COPY (SELECT pg_current_snapshot()::text) TO STDOUT (FORMAT binary);"

/* By row_kind. ORDER BY: what the table's index gives without sorting. */
struct copy_sql {
    const char *select, *id, *order;
};
#define SQL_COPIES                                                                                                     \
    {                                                                                                                  \
        [ROW_PRODUCT] = {"id, name, slogan, description, category, default_price::text FROM public.products", "id",    \
                         "id"},                                                                                        \
        [ROW_FEATURE] = {"product_id, id, feature, value FROM public.features", "product_id", "product_id, id"},       \
        [ROW_STYLE] = {"product_id, id, default_style::int::bigint, name, original_price::text, sale_price::text"      \
                       " FROM public.styles",                                                                          \
                       "product_id", "product_id, id"},                                                                \
        [ROW_PHOTO] = {"product_id, style_id, id, thumbnail_url, url FROM public.photos", "product_id",                \
                       "product_id, style_id, id"},                                                                    \
        [ROW_SKU] = {"product_id, style_id, id, size, quantity::text FROM public.skus", "product_id",                  \
                     "product_id, style_id, id"},                                                                      \
        [ROW_RELATED] = {"product_id, id, related_product_id FROM public.related_products", "product_id",              \
                         "product_id, id"},                                                                            \
    }

/* Advisory locks (1635018092, 101 and on): as many slices of all replicas together may be read at once. %: from 0 on.
 */
#define SQL_TRY_PERMIT "pg_try_advisory_xact_lock(1635018092, 101 + %" PRId64 ")"

/* Every so many-th product's id, and how many products there are by the statistics. %: after, until, at most so many
 * products, every so many-th. */
#define SQL_BOUNDS                                                                                                     \
    "SELECT id::text, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'public.products'::regclass)::text"          \
    " FROM (SELECT id, row_number() OVER (ORDER BY id) FROM public.products WHERE id > %" PRId64 " AND id <= %" PRId64 \
    " ORDER BY id LIMIT %" PRId64 ") p WHERE row_number %% %" PRId64 " = 0 ORDER BY p.id"
