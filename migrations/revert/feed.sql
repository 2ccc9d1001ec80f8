-- Revert atelier:feed from pg
BEGIN;
-- CASCADE reaches the triggers on the six tables, which call these functions.
SET LOCAL client_min_messages = warning;
DROP FUNCTION feed.log_products(), feed.log_parts(), feed.log_product_row(), feed.log_part_row(),
    feed.log_everything() CASCADE;
DROP FUNCTION feed.wake(), feed.prune(interval);
DROP TABLE feed.change_log, feed.horizon, feed.ticks;
DROP SCHEMA feed;
COMMIT;
