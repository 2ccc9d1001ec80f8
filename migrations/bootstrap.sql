-- What an administrator runs once, before the first migration, with psql 15 or newer:
--
--     ATELIER_OWNER_PASSWORD=… ATELIER_READER_PASSWORD=… psql -X -d postgres -f bootstrap.sql
--
-- It makes two roles and one database, and a third role if ATELIER_WATCHER_PASSWORD is set. It needs CREATEROLE and CREATEDB, not a superuser, and may be run
-- again at any time: it changes only what is missing, and the passwords that are given. A password may be
-- given as a SCRAM-SHA-256 verifier, so that the server never sees it. Writers of the catalogue are roles
-- of your own: GRANT them INSERT, UPDATE, DELETE on the tables; they need nothing else.
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', wanted) FROM unnest(ARRAY['atelier_owner', 'atelier_reader']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec

\getenv owner_password ATELIER_OWNER_PASSWORD
\if :{?owner_password}
ALTER ROLE atelier_owner PASSWORD :'owner_password';
\endif
\getenv reader_password ATELIER_READER_PASSWORD
\if :{?reader_password}
ALTER ROLE atelier_reader PASSWORD :'reader_password';
\endif

-- Who watches Postgres, if a password says that somebody does: sees what all sessions do, which others may not, and no table.
\getenv watcher_password ATELIER_WATCHER_PASSWORD
\if :{?watcher_password}
SELECT 'CREATE ROLE atelier_watcher LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'atelier_watcher') \gexec
SELECT 'GRANT pg_monitor TO atelier_watcher' WHERE NOT pg_has_role('atelier_watcher', 'pg_monitor', 'MEMBER') \gexec
ALTER ROLE atelier_watcher PASSWORD :'watcher_password';
\endif

-- A server that is stopped in the middle of a COPY would hold its snapshot until statement_timeout, which
-- does not end a COPY whose client reads nothing. This does.
ALTER ROLE atelier_reader SET tcp_user_timeout = '5s';

-- To create a database for another role one must be a member of it; superusers always are.
SELECT format('GRANT atelier_owner TO %I', current_user)
WHERE NOT pg_has_role(current_user, 'atelier_owner', 'MEMBER') \gexec

SELECT 'CREATE DATABASE atelier OWNER atelier_owner TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'atelier') \gexec

REVOKE TEMPORARY ON DATABASE atelier FROM PUBLIC;
