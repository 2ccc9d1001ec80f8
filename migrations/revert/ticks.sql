-- Revert atelier:ticks from pg
BEGIN;
DROP INDEX feed.ticks_at;
COMMIT;
