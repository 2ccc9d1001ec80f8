-- Deploy atelier:loading to pg
-- requires: feed
-- Replaces the whole catalogue: rows are loaded aside, into tables of the schema `incoming`, which then take
-- the place of the live ones in one short transaction. The owner calls, in this order: loading.begin();
-- for each table TRUNCATE and COPY … FREEZE into incoming.<table>, in one transaction; each statement of
-- incoming.plan in order of step; loading.swap(). Until the swap commits the live catalogue is as it was, and
-- what is left of a load that was cut off is dropped by the next one.
--
-- Everything about the new tables is taken from the live ones, so that what a DBA added is kept and the DDL
-- stands in one place. What cannot be taken over (loading.obstacles) is refused before any work is done.
BEGIN;

CREATE SCHEMA loading;

-- The six, in the order in which all of them are locked.
CREATE VIEW loading.catalogue AS
SELECT position, name, to_regclass(format('public.%I', name)) AS live
FROM unnest(ARRAY['products', 'features', 'styles', 'photos', 'skus', 'related_products'])
     WITH ORDINALITY AS wanted (name, position);

-- What hangs on a live table and would be lost with it: one sentence each.
CREATE FUNCTION loading.obstacles() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- what is dropped: the tables, their row types, and the arrays of those
    WITH live AS MATERIALIZED (SELECT live AS oid FROM loading.catalogue),
    lost (classid, objid) AS MATERIALIZED (
        SELECT 'pg_class'::regclass, oid FROM live
        UNION ALL
        SELECT 'pg_type'::regclass, unnest(ARRAY[t.oid, t.typarray])
        FROM pg_type AS t JOIN pg_class AS r ON r.reltype = t.oid JOIN live ON live.oid = r.oid
    )
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM lost JOIN pg_depend AS d ON d.refclassid = lost.classid AND d.refobjid = lost.objid
    LEFT JOIN pg_class AS dependent ON d.classid = 'pg_class'::regclass AND dependent.oid = d.objid
    LEFT JOIN pg_constraint AS x ON d.classid = 'pg_constraint'::regclass AND x.oid = d.objid
    -- but for what belongs to the tables themselves and is made again for the new ones
    WHERE d.deptype <> 'i'
      AND d.objid NOT IN (SELECT oid FROM live)
      AND d.classid NOT IN ('pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_statistic_ext'::regclass)
      AND dependent.relkind IS DISTINCT FROM 'i'
      AND (x.oid IS NULL OR x.conrelid NOT IN (SELECT oid FROM live))
    UNION ALL
    SELECT format('row-level security of table %s', r.oid::regclass)
    FROM live JOIN pg_class AS r ON r.oid = live.oid WHERE r.relrowsecurity
    UNION ALL
    SELECT format('a subscription to table %s', srrelid::regclass)
    FROM live JOIN pg_subscription_rel ON srrelid = live.oid
$$;

CREATE FUNCTION loading.refuse_obstacles() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text := (SELECT string_agg(obstacle, '; ' ORDER BY obstacle) FROM loading.obstacles() AS obstacle);
BEGIN
    IF found IS NOT NULL THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = format('a load replaces the catalogue''s tables, and these would be lost with them: %s', found),
            HINT = 'Drop them before the load and create them again after it.';
    END IF;
END $$;

-- DDL of the live tables, said of the tables in `incoming` instead. Postgres qualifies every name in it,
-- because the search_path holds none of these schemas.
CREATE FUNCTION loading.aside(ddl text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT regexp_replace(ddl,
        format('\m(ON|REFERENCES|FROM|STATISTICS) public\.(?=(%s)\M)',
               (SELECT string_agg(name, '|') FROM loading.catalogue)
               || coalesce((SELECT '|' || string_agg(quote_ident(stxname), '|') FROM pg_statistic_ext
                            WHERE stxrelid IN (SELECT live FROM loading.catalogue)), '')),
        '\1 incoming.', 'g')
$$;

-- What has to be done to the tables in `incoming` once the rows are in, in order.
CREATE FUNCTION loading.make_plan() RETURNS TABLE (step bigint, what text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH found (phase, position, what, statement) AS (
        SELECT 1, position, 'key ' || conname,
               format('ALTER TABLE incoming.%I ADD CONSTRAINT %I %s', c.name, conname,
                      loading.aside(pg_get_constraintdef(x.oid)))
        FROM loading.catalogue AS c JOIN pg_constraint AS x ON x.conrelid = c.live AND contype IN ('p', 'u', 'x')
        UNION ALL
        SELECT 2, position, 'index ' || relname, loading.aside(pg_get_indexdef(indexrelid))
        FROM loading.catalogue AS c JOIN pg_index ON indrelid = c.live JOIN pg_class AS i ON i.oid = indexrelid
        WHERE indisvalid AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
        UNION ALL
        SELECT 3, position, 'statistics ' || stxname, loading.aside(pg_get_statisticsobjdef(s.oid))
        FROM loading.catalogue AS c JOIN pg_statistic_ext AS s ON s.stxrelid = c.live
        UNION ALL
        SELECT 3, position, format('statistics target of %s.%s', c.name, attname),
               format('ALTER TABLE incoming.%I ALTER %I SET STATISTICS %s', c.name, attname, attstattarget)
        FROM loading.catalogue AS c JOIN pg_attribute ON attrelid = c.live AND attnum > 0 AND attstattarget >= 0
        UNION ALL
        SELECT 4, position, 'analyze ' || c.name, format('ANALYZE incoming.%I', c.name)
        FROM loading.catalogue AS c
        UNION ALL
        -- the next id is the one after the largest
        SELECT 4, position, 'next id of ' || c.name,
               format('SELECT setval(pg_get_serial_sequence(%L, ''id''), coalesce(max(id), 1), max(id) IS NOT NULL)'
                      ' FROM incoming.%I', 'incoming.' || c.name, c.name)
        FROM loading.catalogue AS c WHERE pg_get_serial_sequence('public.' || c.name, 'id') IS NOT NULL
        UNION ALL
        SELECT 5, position, 'foreign key ' || conname,
               format('ALTER TABLE incoming.%I ADD CONSTRAINT %I %s', c.name, conname,
                      loading.aside(pg_get_constraintdef(x.oid)))
        FROM loading.catalogue AS c JOIN pg_constraint AS x ON x.conrelid = c.live AND contype = 'f'
        UNION ALL
        SELECT 6, position, 'triggers of ' || c.name,
               string_agg(loading.aside(pg_get_triggerdef(t.oid))
                   || CASE tgenabled WHEN 'O' THEN '' ELSE
                      format('; ALTER TABLE incoming.%I %s TRIGGER %I', c.name,
                             CASE tgenabled WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'DISABLE' END,
                             tgname) END,
                   '; ' ORDER BY tgname)
        FROM loading.catalogue AS c JOIN pg_trigger AS t ON t.tgrelid = c.live AND NOT tgisinternal
        GROUP BY position, c.name
        UNION ALL
        SELECT 7, position, 'settings of ' || c.name,
               format('ALTER TABLE incoming.%I SET (%s)', c.name, array_to_string(reloptions, ', '))
        FROM loading.catalogue AS c JOIN pg_class AS r ON r.oid = c.live AND reloptions IS NOT NULL
        UNION ALL
        SELECT 7, position, 'comment on ' || c.name,
               format('COMMENT ON TABLE incoming.%I IS %L', c.name, obj_description(c.live, 'pg_class'))
        FROM loading.catalogue AS c WHERE obj_description(c.live, 'pg_class') IS NOT NULL
        UNION ALL
        -- rights on tables, and on columns
        SELECT 8, position, 'grants on ' || granted.name,
               format('GRANT %s ON incoming.%I TO %s%s',
                      string_agg(privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', '
                                 ORDER BY privilege_type),
                      granted.name, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (SELECT position, name, NULL AS attname, relacl AS acl
              FROM loading.catalogue JOIN pg_class AS r ON r.oid = live
              UNION ALL
              SELECT position, name, attname, attacl
              FROM loading.catalogue JOIN pg_attribute ON attrelid = live AND attnum > 0) AS granted, aclexplode(acl)
        GROUP BY position, granted.name, attname, grantee, is_grantable
    )
    SELECT row_number() OVER (ORDER BY phase, position, what, statement), what, statement FROM found
$$;

CREATE FUNCTION loading.begin() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    table_name text;
    stranger text;
BEGIN
    -- Held by the session, not by the transaction: until the session ends.
    IF NOT pg_try_advisory_lock(1635018092, 2) THEN
        RAISE object_in_use USING MESSAGE = 'another load is running', HINT = 'Wait for it to end.';
    END IF;
    -- The new tables would belong to whoever loads them.
    SELECT pg_get_userbyid(relowner) INTO stranger FROM loading.catalogue JOIN pg_class AS r ON r.oid = live
    WHERE pg_get_userbyid(relowner) <> current_user LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('a load is made by the catalogue''s owner, %s, and this is %s', stranger, current_user);
    END IF;
    PERFORM loading.refuse_obstacles();
    DROP SCHEMA IF EXISTS incoming CASCADE;
    CREATE SCHEMA incoming;
    CREATE TABLE incoming.plan AS SELECT * FROM loading.make_plan();
    FOR table_name IN SELECT name FROM loading.catalogue ORDER BY position LOOP
        EXECUTE format('CREATE TABLE incoming.%1$I'
                       ' (LIKE public.%1$I INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS)', table_name);
    END LOOP;
    -- Default privileges may have granted what the live tables do not grant.
    FOR table_name, stranger IN
        SELECT DISTINCT relname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
        FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = 'incoming'::regnamespace AND relkind = 'r' AND grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON incoming.%I FROM %s', table_name, stranger);
    END LOOP;
END $$;

-- Raises if the live tables are no longer what the plan was made from.
CREATE FUNCTION loading.refuse_altered() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    altered text;
BEGIN
    SELECT string_agg(DISTINCT what, ', ') INTO altered FROM (
        SELECT what FROM (SELECT what, statement FROM incoming.plan
                          EXCEPT SELECT what, statement FROM loading.make_plan()) AS gone
        UNION ALL
        SELECT what FROM (SELECT what, statement FROM loading.make_plan()
                          EXCEPT SELECT what, statement FROM incoming.plan) AS added
        UNION ALL
        -- checks are made by CREATE TABLE … LIKE, and are not in the plan
        SELECT 'checks of ' || name FROM loading.catalogue
        WHERE (SELECT array_agg(conname || pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint
               WHERE conrelid = live AND contype = 'c')
            IS DISTINCT FROM
              (SELECT array_agg(conname || pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint
               WHERE conrelid = to_regclass('incoming.' || name) AND contype = 'c')
        UNION ALL
        SELECT 'columns of ' || name FROM loading.catalogue
        WHERE (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attname) FROM pg_attribute
               WHERE attrelid = live AND attnum > 0 AND NOT attisdropped)
           <> (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attname) FROM pg_attribute
               WHERE attrelid = to_regclass('incoming.' || name) AND attnum > 0 AND NOT attisdropped)
    ) AS difference;
    IF altered IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the catalogue''s tables were altered while rows were loaded: %s', altered),
            HINT = 'Load again.';
    END IF;
END $$;

-- Puts the tables of `incoming` in the live ones' place. Call it in a transaction of its own, with a short
-- lock_timeout: it waits for whoever reads the live tables, and whoever comes then waits behind it.
CREATE FUNCTION loading.swap() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    object_name text;
BEGIN
    LOCK TABLE public.products, public.features, public.styles, public.photos, public.skus, public.related_products
        IN ACCESS EXCLUSIVE MODE;
    PERFORM loading.refuse_obstacles();
    PERFORM loading.refuse_altered();
    DROP TABLE incoming.plan;
    DROP TABLE public.products, public.features, public.styles, public.photos, public.skus, public.related_products;
    FOR object_name IN SELECT name FROM loading.catalogue ORDER BY position LOOP
        EXECUTE format('ALTER TABLE incoming.%I SET SCHEMA public', object_name);
    END LOOP;
    FOR object_name IN SELECT stxname FROM pg_statistic_ext WHERE stxnamespace = 'incoming'::regnamespace LOOP
        EXECUTE format('ALTER STATISTICS incoming.%I SET SCHEMA public', object_name);
    END LOOP;
    DROP SCHEMA incoming;
    INSERT INTO feed.change_log VALUES (pg_current_xact_id(), 0);
    PERFORM feed.wake();
END $$;

-- Drops what a load that failed has left. Waits for that load's session to end, within lock_timeout.
CREATE FUNCTION loading.abandon() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
BEGIN
    PERFORM pg_advisory_lock(1635018092, 2);
    DROP SCHEMA IF EXISTS incoming CASCADE;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA loading FROM PUBLIC;

COMMIT;
