-- Roles, schema, and the list of what has been applied.
--
-- Purpose: everything of this service lives in its own schema, owned by a role that nobody
-- logs in as.  Whoever migrates may be a superuser, a user with CREATEROLE, or just the
-- owner of the database: without the right to create roles, and without roles made
-- beforehand, the schema belongs to the user who migrates and `serve` runs as its own user.
-- Locks: none that others wait for; roles are shared by all databases of a cluster, so one
-- that is there already is left as it is.

DO $$
DECLARE
	may_create boolean := (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles
		WHERE rolname = current_user);
	is_super boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
	role_name text;
BEGIN
	IF NOT may_create THEN
		RETURN;
	END IF;
	FOREACH role_name IN ARRAY ARRAY['owner', 'app', 'reader', 'maintenance', 'report'] LOOP
		role_name := 'message_sender_' || role_name;
		BEGIN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			CONTINUE; -- another database of this cluster has it
		END;
		IF NOT is_super THEN
			EXECUTE pg_catalog.format('GRANT %I TO %I', role_name, current_user);
		END IF;
	END LOOP;
END
$$;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_owner'
			AND pg_catalog.pg_has_role(oid, 'MEMBER')) THEN
		CREATE SCHEMA IF NOT EXISTS message_sender AUTHORIZATION message_sender_owner;
	ELSE
		CREATE SCHEMA IF NOT EXISTS message_sender;
	END IF;
	-- What follows is made by the schema's owner.
	EXECUTE (SELECT pg_catalog.format('SET LOCAL ROLE %I', nspowner::pg_catalog.regrole::text)
		FROM pg_catalog.pg_namespace WHERE nspname = 'message_sender'
		AND pg_catalog.pg_has_role(nspowner, 'MEMBER'));
END
$$;

CREATE TABLE message_sender.schema_migration (
	name text PRIMARY KEY,
	checksum text NOT NULL,             -- SHA-256 of the file, hexadecimal
	applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
