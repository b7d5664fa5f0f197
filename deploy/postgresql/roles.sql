-- Two roles for Playlist API: one owns the tables and migrates them, one serves and may do no more
-- than that. Run it with psql, in the service's database, as a superuser or as whoever made it:
--
--   export OWNER_PASSWORD=… APP_PASSWORD=…
--   psql -X -d playlist -f deploy/postgresql/roles.sql
--
-- or without the passwords, and then `\password playlist_owner` and `\password playlist_app` in
-- psql. `-v owner=… -v app=…` gives the roles other names. It may be run again at any time: a
-- password that is not given stays, and tables that somebody else had made are handed over.
-- For PostgreSQL 15 and newer. Whoever else shall use the database must be granted CONNECT.

\set ON_ERROR_STOP on
\set QUIET on

\if :{?owner} \else \set owner playlist_owner \endif
\if :{?app} \else \set app playlist_app \endif
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD

SELECT rolsuper AS superuser, current_database() AS database,
       current_setting('server_version_num')::int >= 170000 AS has_maintain
FROM pg_roles WHERE rolname = current_user \gset

BEGIN;
SET LOCAL client_min_messages = warning;

-- The server keeps no password, only what can check one; nor does it log a statement with one.
SET LOCAL password_encryption = 'scram-sha-256';
\if :superuser
  SET LOCAL log_statement = 'none';
  SET LOCAL log_min_error_statement = 'panic';
  SET LOCAL log_min_duration_statement = -1;
\endif

SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'owner', :'app']) AS role
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_roles WHERE rolname IN (:'owner', :'app')
AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
\if :{?owner_password}
  ALTER ROLE :"owner" PASSWORD :'owner_password';
\endif
\if :{?app_password}
  ALTER ROLE :"app" PASSWORD :'app_password';
\endif

-- The owner sees what the service's connections do, and may end one that blocks a migration.
GRANT :"app" TO :"owner";
\if :superuser
\else
  GRANT :"owner" TO CURRENT_USER;
\endif

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, :"app";
GRANT CONNECT ON DATABASE :"database" TO :"owner", :"app";
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"app";

-- What is there already and belongs to no extension.
SELECT format('ALTER %s OWNER TO %I', thing, :'owner') FROM (
  SELECT 'TABLE ' || oid::regclass AS thing, 'pg_class'::regclass AS catalog, oid FROM pg_class
  WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
  AND relowner <> :'owner'::regrole
  UNION ALL
  SELECT 'ROUTINE ' || oid::regprocedure, 'pg_proc'::regclass, oid FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace AND proowner <> :'owner'::regrole
) AS things
WHERE NOT EXISTS (
  SELECT FROM pg_depend WHERE classid = catalog AND objid = oid AND deptype = 'e'
) \gexec

-- What is there, and what later migrations make. To insert takes no right on the sequence of an
-- identity; a serial's takes USAGE, and a dump SELECT.
SELECT format('REVOKE ALL ON %1$s FROM %3$I; GRANT %2$s ON %1$s TO %3$I',
  CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || oid::regclass,
  CASE WHEN relkind = 'S' THEN 'USAGE, SELECT' WHEN relname = 'alembic_version' THEN 'SELECT'
  ELSE 'SELECT, INSERT, UPDATE, DELETE' END, :'app')
FROM pg_class WHERE relkind IN ('r', 'p', 'S') AND relnamespace = 'public'::regnamespace
AND relowner = :'owner'::regrole \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO :"app";

-- `flask movies import` analyzes what it has filled; before 17 only the owner of a table may.
\if :has_maintain
  SELECT format('GRANT MAINTAIN ON %s TO %I', oid::regclass, :'app') FROM pg_class
  WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
  AND relowner = :'owner'::regrole AND relname <> 'alembic_version' \gexec
  ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT MAINTAIN ON TABLES TO :"app";
\endif

-- nginx waits 60 seconds for an answer; whoever waits for a lock keeps one of a worker's few
-- connections; a transaction left open keeps its locks, and keeps VACUUM from its work; and nobody
-- needs the end of a statement whose client has hung up. pg_dump switches the first three off, the
-- service has 2.5 seconds for a statement of a request, and its commands have no end.
ALTER ROLE :"app" IN DATABASE :"database" SET statement_timeout = '60s';
ALTER ROLE :"app" IN DATABASE :"database" SET lock_timeout = '2s';
ALTER ROLE :"app" IN DATABASE :"database" SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE :"app" IN DATABASE :"database" SET client_connection_check_interval = '5s';

COMMIT;
