-- Verify atelier:ticks on pg
SELECT 1 / count(*) FROM pg_indexes WHERE schemaname = 'feed' AND indexname = 'ticks_at';
