-- Verify atelier:duty on pg
BEGIN;
-- It tries the lock, and leaves none behind.
SELECT 1 / (prosrc LIKE '%pg\_try\_advisory\_lock\_shared(1635018092, 3)%')::int
FROM pg_proc WHERE oid = 'feed.wake()'::regprocedure;
SELECT feed.wake();
SELECT 1 / (count(*) = 0)::int FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
ROLLBACK;
