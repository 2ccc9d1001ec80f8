-- Deploy atelier:feed to pg
-- requires: catalogue
-- The change log: which products changed in which transaction. The log is the truth; the notification on
-- channel atelier_changes only wakes those who read it.
BEGIN;

CREATE SCHEMA feed;

-- product_id 0 means "everything": a TRUNCATE, or a catalogue that was replaced as a whole.
CREATE TABLE feed.change_log (
    xid        xid8 NOT NULL,
    product_id bigint NOT NULL,
    PRIMARY KEY (xid, product_id)
);

-- One row: log rows with a smaller xid may have been pruned.
CREATE TABLE feed.horizon (xid xid8 NOT NULL);
CREATE UNIQUE INDEX horizon_is_one_row ON feed.horizon ((true));
INSERT INTO feed.horizon VALUES ('0');

-- Which transactions were certainly over at a moment: prune turns an age into an xid by it.
CREATE TABLE feed.ticks (
    at         timestamptz NOT NULL,
    oldest_xid xid8 NOT NULL
);

-- Wakes the readers, once a transaction however often it is called (Postgres folds equal notifications).
-- Writers that PREPARE TRANSACTION, which is refused after NOTIFY, say SET atelier.notify = off.
-- No SECURITY and no SET clause: only the triggers' functions call it, and each call costs every writer.
CREATE FUNCTION feed.wake() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('atelier.notify', true) IS DISTINCT FROM 'off' THEN
        PERFORM pg_notify('atelier_changes', '');
    END IF;
END $$;

-- Statement triggers, for ordinary writers. A product's own row; `id` names the product.
CREATE FUNCTION feed.log_products() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO feed.change_log
        SELECT pg_current_xact_id(), id FROM (SELECT id FROM old_rows UNION SELECT id FROM new_rows) AS touched
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO feed.change_log SELECT pg_current_xact_id(), id FROM new_rows ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO feed.change_log SELECT pg_current_xact_id(), id FROM old_rows ON CONFLICT DO NOTHING;
    END IF;
    IF FOUND THEN
        PERFORM feed.wake();
    END IF;
    RETURN NULL;
END $$;

-- The same for the five tables whose product_id names the product that shows the row.
CREATE FUNCTION feed.log_parts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO feed.change_log
        SELECT pg_current_xact_id(), product_id
        FROM (SELECT product_id FROM old_rows UNION SELECT product_id FROM new_rows) AS touched
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO feed.change_log
        SELECT pg_current_xact_id(), product_id FROM (SELECT DISTINCT product_id FROM new_rows) AS touched
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO feed.change_log
        SELECT pg_current_xact_id(), product_id FROM (SELECT DISTINCT product_id FROM old_rows) AS touched
        ON CONFLICT DO NOTHING;
    END IF;
    IF FOUND THEN
        PERFORM feed.wake();
    END IF;
    RETURN NULL;
END $$;

-- Row triggers, for logical replication and session_replication_role = replica, where statement triggers
-- do not fire. OLD is null in an INSERT, NEW in a DELETE.
CREATE FUNCTION feed.log_product_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO feed.change_log
    SELECT pg_current_xact_id(), touched FROM unnest(ARRAY[OLD.id, NEW.id]) AS touched WHERE touched IS NOT NULL
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM feed.wake();
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION feed.log_part_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO feed.change_log
    SELECT pg_current_xact_id(), touched FROM unnest(ARRAY[OLD.product_id, NEW.product_id]) AS touched
    WHERE touched IS NOT NULL
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM feed.wake();
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION feed.log_everything() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO feed.change_log VALUES (pg_current_xact_id(), 0) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM feed.wake();
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    catalogue_table text;
    log_statement text;
    log_row text;
BEGIN
    FOREACH catalogue_table IN ARRAY ARRAY['products', 'features', 'styles', 'photos', 'skus', 'related_products'] LOOP
        log_statement := CASE catalogue_table WHEN 'products' THEN 'log_products' ELSE 'log_parts' END;
        log_row := CASE catalogue_table WHEN 'products' THEN 'log_product_row' ELSE 'log_part_row' END;
        EXECUTE format('CREATE TRIGGER feed_insert AFTER INSERT ON public.%I REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION feed.%I()', catalogue_table, log_statement);
        EXECUTE format('CREATE TRIGGER feed_update AFTER UPDATE ON public.%I
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION feed.%I()', catalogue_table, log_statement);
        EXECUTE format('CREATE TRIGGER feed_delete AFTER DELETE ON public.%I REFERENCING OLD TABLE AS old_rows
            FOR EACH STATEMENT EXECUTE FUNCTION feed.%I()', catalogue_table, log_statement);
        EXECUTE format('CREATE TRIGGER feed_replica AFTER INSERT OR UPDATE OR DELETE ON public.%I
            FOR EACH ROW EXECUTE FUNCTION feed.%I()', catalogue_table, log_row);
        EXECUTE format('CREATE TRIGGER feed_truncate AFTER TRUNCATE ON public.%I
            FOR EACH STATEMENT EXECUTE FUNCTION feed.log_everything()', catalogue_table);
        EXECUTE format('ALTER TABLE public.%I ENABLE REPLICA TRIGGER feed_replica,
            ENABLE ALWAYS TRIGGER feed_truncate', catalogue_table);
    END LOOP;
END $$;

-- Deletes log rows of transactions that ended longer than `retention` ago, and stores up to where in the
-- same transaction. At most 100,000 rows a call, so that no call is long; returns how many. Returns 0 at
-- once while another session prunes.
CREATE FUNCTION feed.prune(retention interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound xid8;
    pruned bigint;
BEGIN
    IF retention IS NULL OR retention < interval '0' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('feed.prune: retention is %s; it must be an interval of 0 or more',
                             coalesce(retention::text, 'null'));
    END IF;
    IF NOT pg_try_advisory_xact_lock(1635018092, 1) THEN
        RETURN 0;
    END IF;
    INSERT INTO feed.ticks VALUES (clock_timestamp(), pg_snapshot_xmin(pg_current_snapshot()));
    -- By xid, not by time: the clock may have been set back.
    SELECT oldest_xid INTO bound FROM feed.ticks WHERE at <= clock_timestamp() - retention
    ORDER BY oldest_xid DESC LIMIT 1;
    IF bound IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE feed.horizon SET xid = bound WHERE xid < bound;
    DELETE FROM feed.ticks WHERE oldest_xid < bound;
    DELETE FROM feed.change_log WHERE (xid, product_id) IN (
        SELECT xid, product_id FROM feed.change_log WHERE xid < bound ORDER BY xid, product_id LIMIT 100000);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA feed FROM PUBLIC;

COMMIT;
