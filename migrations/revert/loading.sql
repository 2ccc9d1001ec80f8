-- Revert atelier:loading from pg
BEGIN;
DROP FUNCTION loading.abandon(), loading.swap(), loading.refuse_altered(), loading.begin(), loading.make_plan(),
    loading.aside(text), loading.refuse_obstacles(), loading.obstacles();
DROP VIEW loading.catalogue;
DROP SCHEMA loading;
COMMIT;
