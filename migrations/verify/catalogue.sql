-- Verify atelier:catalogue on pg
BEGIN;
SELECT id, name, slogan, description, category, default_price FROM public.products WHERE false;
SELECT id, product_id, feature, value FROM public.features WHERE false;
SELECT id, product_id, name, original_price, sale_price, default_style FROM public.styles WHERE false;
SELECT id, product_id, style_id, url, thumbnail_url FROM public.photos WHERE false;
SELECT id, product_id, style_id, size, quantity FROM public.skus WHERE false;
SELECT id, product_id, related_product_id FROM public.related_products WHERE false;
-- At least what deploy made: six primary keys, six foreign keys that cascade both ways, twelve indexes, four
-- triggers. A DBA may have added more.
SELECT 1 / (count(*) >= 6)::int FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'p';
SELECT 1 / (count(*) >= 6)::int FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype = 'f' AND confupdtype = 'c' AND confdeltype = 'c';
SELECT 1 / (count(*) >= 12)::int FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace;
SELECT 1 / (count(*) >= 4)::int FROM pg_trigger WHERE tgfoid = 'public.fill_product_id'::regproc;
ROLLBACK;
