-- Revert atelier:duty from pg
-- Every transaction notifies again, whoever is on duty.
BEGIN;
CREATE OR REPLACE FUNCTION feed.wake() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('atelier.notify', true) IS DISTINCT FROM 'off' THEN
        PERFORM pg_notify('atelier_changes', '');
    END IF;
END $$;
COMMIT;
