-- Deploy atelier:duty to pg
-- requires: feed
-- Duty: while one server has promised to notify for all writers, writers stay silent, because a commit that
-- notifies holds a lock of the whole cluster until it is on the disk. The promise is the advisory lock
-- (1635018092, 3), held exclusively by that server's session, or waited for by it.
BEGIN;

-- Wakes the readers, once a transaction however often it is called (Postgres folds equal notifications), unless
-- somebody is on duty. Writers that PREPARE TRANSACTION, which is refused after NOTIFY, say SET atelier.notify = off.
--
-- The lock is only tried, never waited for, and given back at once: a transaction that stays open for an hour keeps
-- nobody from going on duty. Taken and given back in one expression, in which Postgres looks for no interrupt, so that
-- a cancelled statement cannot leave a lock behind in a session that lives on.
-- The trigger has written its log rows before it calls: so a transaction that stays silent has had its xid since
-- before the promise was taken back. Going off duty without losing a change rests on this.
-- No SECURITY and no SET clause: only the triggers' functions call it, and each call costs every writer.
CREATE OR REPLACE FUNCTION feed.wake() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF (CASE WHEN current_setting('atelier.notify', true) = 'off' THEN false
             WHEN pg_try_advisory_lock_shared(1635018092, 3) THEN pg_advisory_unlock_shared(1635018092, 3)
             ELSE false END) THEN
        PERFORM pg_notify('atelier_changes', '');
    END IF;
END $$;

COMMIT;
