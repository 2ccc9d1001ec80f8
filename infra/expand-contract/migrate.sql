-- Step 2, migrate: what was there before, 500 products a transaction, so that no row is locked and no backlog grows for long. It may be
-- interrupted, and run again. Each batch is in the change log, and is fetched by the replicas: documents stay as they are.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = notice;
DO $$
DECLARE
    done bigint := 0;
    next bigint;
    rows bigint;
    total bigint := 0;
BEGIN
    LOOP
        SELECT max(id) INTO next FROM (SELECT id FROM public.products WHERE id > done ORDER BY id LIMIT 500) AS batch;
        EXIT WHEN next IS NULL;
        UPDATE public.skus SET quantity_wide = quantity
        WHERE product_id > done AND product_id <= next AND quantity_wide IS NULL;
        GET DIAGNOSTICS rows = ROW_COUNT;
        total := total + rows;
        COMMIT;
        done := next;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RAISE NOTICE '% rows filled', total;
END $$;
-- Looks at every row, beside readers and writers (SHARE UPDATE EXCLUSIVE).
ALTER TABLE public.skus VALIDATE CONSTRAINT skus_quantity_wide_check;
