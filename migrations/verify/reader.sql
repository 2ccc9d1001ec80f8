-- Verify atelier:reader on pg
BEGIN;
SELECT 1 / bool_and(has_table_privilege('atelier_reader', wanted, 'SELECT')
    AND NOT has_table_privilege('atelier_reader', wanted, 'INSERT, UPDATE, DELETE, TRUNCATE'))::int
FROM unnest(ARRAY['public.products', 'public.features', 'public.styles', 'public.photos', 'public.skus',
                  'public.related_products', 'feed.change_log', 'feed.horizon', 'feed.ticks']) AS wanted;
SELECT 1 / (has_schema_privilege('atelier_reader', 'feed', 'USAGE')
    AND has_function_privilege('atelier_reader', 'feed.prune(interval)', 'EXECUTE'))::int;
ROLLBACK;
