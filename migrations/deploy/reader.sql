-- Deploy atelier:reader to pg
-- requires: feed
-- What the servers may do: read the catalogue and the change log, and prune the log.
BEGIN;
GRANT SELECT ON public.products, public.features, public.styles, public.photos, public.skus, public.related_products
    TO atelier_reader;
GRANT USAGE ON SCHEMA feed TO atelier_reader;
GRANT SELECT ON feed.change_log, feed.horizon, feed.ticks TO atelier_reader;
GRANT EXECUTE ON FUNCTION feed.prune(interval) TO atelier_reader;
COMMIT;
