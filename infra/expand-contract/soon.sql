-- CALL pg_temp.soon(DDL): carries it out as soon as it gets its locks within 50 ms. Whoever waits for an exclusive lock makes everybody
-- wait who comes after: so it waits for 50 ms, steps back for 100, and tries again, 200 times at most. An error other than that ends it.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = notice;
CREATE PROCEDURE pg_temp.soon(ddl text) LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz;
BEGIN
    FOR attempt IN 1..200 LOOP
        begun := clock_timestamp();
        BEGIN
            SET LOCAL lock_timeout = '50ms';
            EXECUTE ddl;
            RAISE NOTICE 'attempt %: locked and done in % ms', attempt,
                round(extract(epoch FROM clock_timestamp() - begun) * 1000, 1);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- what it had locked is free again
        END;
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RAISE lock_not_available USING MESSAGE = 'no lock in 200 attempts; somebody holds the table: see pg_locks';
END $$;
