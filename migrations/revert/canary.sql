-- Revert atelier:canary from pg
-- Servers that look for it when they connect do without it; what they have written is pruned with the log.
BEGIN;
DROP FUNCTION feed.canary(bigint);
COMMIT;
