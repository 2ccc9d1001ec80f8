-- Revert atelier:reader from pg
BEGIN;
REVOKE EXECUTE ON FUNCTION feed.prune(interval) FROM atelier_reader;
REVOKE SELECT ON feed.change_log, feed.horizon, feed.ticks FROM atelier_reader;
REVOKE USAGE ON SCHEMA feed FROM atelier_reader;
REVOKE SELECT ON public.products, public.features, public.styles, public.photos, public.skus, public.related_products
    FROM atelier_reader;
COMMIT;
