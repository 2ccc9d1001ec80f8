-- Verify atelier:canary on pg
BEGIN;
SELECT 1 / has_function_privilege('atelier_reader', 'feed.canary(bigint)', 'EXECUTE')::int;
SELECT feed.canary(-1);
SELECT 1 / (count(*) = 1)::int FROM feed.change_log WHERE xid = pg_current_xact_id() AND product_id = -1;
SELECT 1 / (count(*) = 0)::int FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
ROLLBACK;
