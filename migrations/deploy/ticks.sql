-- Deploy atelier:ticks to pg
-- requires: feed
-- Each log read asks for the newest tick, and after a lost connection whether the last known one is still there: a
-- Postgres that lacks it came back with less than was read from it.
BEGIN;
CREATE INDEX ticks_at ON feed.ticks (at);
COMMIT;
