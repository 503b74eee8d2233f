-- Row-level security, forced, on every table of tenants.
--
-- Purpose: who may read for callers sees the rows of the tenant that message_sender.tenant names,
-- of the outlets that message_sender.outlets names if it does, and none without; every other role
-- sees none at all unless a policy lets it.  tenant_wall() is the one way to put a table behind it:
-- migrations to come call it for theirs, and a test looks for tables without.  Partitions are the
-- owner's alone, who drops them: all others come through their table.
-- Locks: ACCESS EXCLUSIVE on each table, for a moment.

-- Owner, app and maintenance see all rows, as far as they may do anything with the table; of a
-- partition the owner alone.
CREATE FUNCTION message_sender.tenant_wall(wanted regclass, part boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	service name;
BEGIN
	EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', wanted);
	EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', wanted);
	EXECUTE format('DROP POLICY IF EXISTS owner ON %s', wanted);
	EXECUTE format('CREATE POLICY owner ON %s TO CURRENT_USER USING (true) WITH CHECK (true)',
		wanted);
	FOR service IN SELECT rolname FROM pg_roles WHERE NOT part
			AND rolname IN ('message_sender_app', 'message_sender_maintenance') LOOP
		EXECUTE format('DROP POLICY IF EXISTS %I ON %s',
			replace(service, 'message_sender_', ''), wanted);
		EXECUTE format('CREATE POLICY %I ON %s TO %I USING (true) WITH CHECK (true)',
			replace(service, 'message_sender_', ''), wanted, service);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION message_sender.tenant_wall(regclass, boolean) FROM PUBLIC;

DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT c.oid::regclass AS name, c.relispartition AS is_partition
			FROM pg_catalog.pg_class c
			JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
			WHERE c.relnamespace = 'message_sender'::regnamespace
				AND c.relkind IN ('r', 'p') AND NOT a.attisdropped LOOP
		PERFORM message_sender.tenant_wall(t.name, t.is_partition);
	END LOOP;
END
$$;

-- As before, and those of message are walled.
CREATE OR REPLACE FUNCTION message_sender.partitions_ahead(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	first timestamptz := date_trunc('month', now()) - interval '1 month';
	start timestamptz;
	parent text;
	partition text;
	made integer := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('message_sender.partitions_ahead', 0)) THEN
		RETURN 0;
	END IF;
	FOR start IN SELECT generate_series(first, first + make_interval(months => months + 1),
			interval '1 month') LOOP
		FOREACH parent IN ARRAY ARRAY['message', 'attempt', 'receipt'] LOOP
			partition := parent || to_char(start, '_YYYY_MM');
			CONTINUE WHEN to_regclass('message_sender.' || partition) IS NOT NULL;
			BEGIN
				EXECUTE format('CREATE TABLE message_sender.%I'
					|| ' (LIKE message_sender.%I INCLUDING ALL)', partition, parent);
				IF parent = 'message' THEN
					PERFORM message_sender.tenant_wall(('message_sender.' || partition)::regclass,
						true);
					EXECUTE format('ALTER TABLE message_sender.%I'
						|| ' SET (fillfactor = 85)', partition);
				END IF;
				EXECUTE format('ALTER TABLE message_sender.%I ATTACH PARTITION'
					|| ' message_sender.%I FOR VALUES FROM (%L) TO (%L)', parent,
					partition, message_sender.id_floor(start),
					message_sender.id_floor(start + interval '1 month'));
				made := made + 1;
			EXCEPTION WHEN OTHERS THEN
				RAISE WARNING 'partition % not made: %', partition, SQLERRM;
			END;
		END LOOP;
	END LOOP;
	RETURN made;
END
$$;

-- The names of the outlets are divided by spaces, which no outlet has in its name; '': all.
DROP POLICY IF EXISTS tenant ON message_sender.message;
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		CREATE POLICY tenant ON message_sender.message FOR SELECT TO message_sender_reader
			USING (tenant_id = pg_catalog.current_setting('message_sender.tenant', true)
				AND (coalesce(pg_catalog.current_setting('message_sender.outlets', true), '') = ''
					OR outlet_id = ANY (pg_catalog.string_to_array(
						pg_catalog.current_setting('message_sender.outlets', true), ' '))));
		CREATE POLICY tenant ON message_sender.batch FOR SELECT TO message_sender_reader
			USING (tenant_id = pg_catalog.current_setting('message_sender.tenant', true));
		GRANT SELECT ON message_sender.batch TO message_sender_reader;
	END IF;
END
$$;

-- Does a tenant (null: whoever knows the id) see this message, of these outlets ('': all)?  By the
-- policies of who asks: with the rights of the caller.
CREATE FUNCTION message_sender.message_seen(id uuid, tenant text, outlets text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	seen boolean;
BEGIN
	IF tenant IS NULL THEN
		RETURN true;
	END IF;
	PERFORM set_config('message_sender.tenant', tenant, true),
		set_config('message_sender.outlets', outlets, true);
	seen := EXISTS (SELECT FROM message_sender.message m
		WHERE m.message_id = id AND m.tenant_id = tenant);
	PERFORM set_config('message_sender.tenant', '', true),
		set_config('message_sender.outlets', '', true);
	RETURN seen;
END
$$;

-- So a batch: with outlets only when all its messages are theirs.
CREATE FUNCTION message_sender.batch_seen(id uuid, tenant text, outlets text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	seen boolean;
BEGIN
	IF tenant IS NULL THEN
		RETURN true;
	END IF;
	PERFORM set_config('message_sender.tenant', tenant, true),
		set_config('message_sender.outlets', '', true);
	seen := EXISTS (SELECT FROM message_sender.batch b
			WHERE b.batch_id = id AND b.tenant_id = tenant)
		AND (outlets = '' OR NOT EXISTS (SELECT FROM message_sender.message m
			WHERE m.message_id BETWEEN message_sender.batch_floor(id)
					AND message_sender.batch_ceiling(id)
				AND m.tenant_id = tenant AND m.batch_id = id
				AND m.outlet_id <> ALL (string_to_array(outlets, ' '))));
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN seen;
END
$$;

-- message_list() for these outlets only.
CREATE FUNCTION message_sender.message_page(tenant text, outlets text, wanted text,
	since timestamptz, before uuid, most integer) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	page json;
BEGIN
	PERFORM set_config('message_sender.outlets', outlets, true);
	page := message_sender.message_list(tenant, wanted, since, before, most);
	PERFORM set_config('message_sender.outlets', '', true);
	RETURN page;
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_seen(uuid, text, text),
	message_sender.batch_seen(uuid, text, text),
	message_sender.message_page(text, text, text, timestamptz, uuid, integer) FROM PUBLIC;

DO $$
DECLARE
	asks name;
BEGIN
	FOR asks IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.message_seen(uuid, text, text),'
			|| ' message_sender.batch_seen(uuid, text, text),'
			|| ' message_sender.message_page(text, text, text, timestamptz, uuid, integer)'
			|| ' TO %I', asks);
	END LOOP;
END
$$;
