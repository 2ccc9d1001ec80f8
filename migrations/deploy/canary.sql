-- Deploy atelier:canary to pg
-- requires: duty
-- A canary: a log row of no product, which a server writes and waits to see in its own memory, by the way that every
-- change goes. Its id is negative and belongs to one server; the others pass it over.
BEGIN;

-- The notification names the canary, so that only the server that sent it is woken by it; while another one is on duty
-- it is silent, as writers are (feed.wake). The update is for Postgres's statistics: log rows are never updated
-- otherwise, so rows inserted less rows updated are changes, and canaries hide no lack of them from the audit.
CREATE FUNCTION feed.canary(canary_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF canary_id IS NULL OR canary_id >= 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('feed.canary: the id is %s; it must be below 0', coalesce(canary_id::text, 'null'));
    END IF;
    INSERT INTO feed.change_log VALUES (pg_current_xact_id(), canary_id);
    UPDATE feed.change_log SET product_id = canary_id WHERE xid = pg_current_xact_id() AND product_id = canary_id;
    IF (CASE WHEN pg_try_advisory_lock_shared(1635018092, 3) THEN pg_advisory_unlock_shared(1635018092, 3)
             ELSE false END) THEN
        PERFORM pg_notify('atelier_changes', canary_id::text);
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION feed.canary(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION feed.canary(bigint) TO atelier_reader;

COMMIT;
