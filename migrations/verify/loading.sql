-- Verify atelier:loading on pg
BEGIN;
SELECT 1 / (count(live) = 6)::int FROM loading.catalogue;
SELECT 1 / (count(*) >= 6)::int FROM loading.make_plan() WHERE what LIKE 'foreign key %';
SELECT has_function_privilege('loading.begin()', 'EXECUTE'), has_function_privilege('loading.swap()', 'EXECUTE');
ROLLBACK;
