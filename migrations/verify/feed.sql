-- Verify atelier:feed on pg
BEGIN;
SELECT xid, product_id FROM feed.change_log WHERE false;
SELECT at, oldest_xid FROM feed.ticks WHERE false;
SELECT 1 / (count(xid) = 1)::int FROM feed.horizon;
-- On each of the six tables: three statement triggers for ordinary writers, one row trigger for replicas,
-- one that sees TRUNCATE always.
SELECT 1 / (count(*) = 6)::int FROM (
    SELECT tgrelid FROM pg_trigger
    WHERE tgrelid IN ('public.products'::regclass, 'public.features'::regclass, 'public.styles'::regclass,
                      'public.photos'::regclass, 'public.skus'::regclass, 'public.related_products'::regclass)
    GROUP BY tgrelid
    HAVING array_agg(tgname || ' ' || tgenabled::text ORDER BY tgname) FILTER (WHERE tgname LIKE 'feed\_%')
         = ARRAY['feed_delete O', 'feed_insert O', 'feed_replica R', 'feed_truncate A', 'feed_update O']
) AS complete;
SELECT feed.prune('1 hour');
ROLLBACK;
