-- Own tenants: who may send, from which numbers, with which tokens and how much.
--
-- Purpose: without a Tenant Service these tables say it.  Tokens and app secrets are sealed by the
-- program (src/crypto/seal.h); the database never sees them.  A tenant's time zone is in
-- tenant_zone, its rate and weight in rate, its policy in tenant_policy, as with a Tenant Service.  A change of what people set is counted
-- and rung like one of `hold`, so that every worker of every node knows it within a second.
-- Forced row-level security, as of `message`: reader sees the rows of the tenant that it set.
-- Locks: new tables only.

CREATE TABLE message_sender.tenant (
	tenant_id text PRIMARY KEY CHECK (octet_length(tenant_id) BETWEEN 1 AND 128),
	name text NOT NULL DEFAULT '' CHECK (octet_length(name) <= 500),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	disabled_at timestamptz             -- null: it may send
);
COMMENT ON TABLE message_sender.tenant IS 'who may send, without a Tenant Service';

CREATE TABLE message_sender.outlet (
	tenant_id text NOT NULL CONSTRAINT outlet_needs_its_tenant REFERENCES message_sender.tenant,
	outlet_id text NOT NULL CHECK (octet_length(outlet_id) BETWEEN 1 AND 128),
	number text NOT NULL CHECK (number ~ '^[0-9]{1,31}$'),
	token bytea,                        -- sealed as outlet.token; null: none yet
	app_secret bytea,                   -- sealed as outlet.app_secret; null: Meta wants no proof
	time_zone text                      -- null: the tenant's
		CHECK (time_zone IS NULL
			OR pg_catalog.timezone(time_zone, 'epoch'::timestamptz) IS NOT NULL),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	changed_by text NOT NULL,
	disabled_at timestamptz,
	PRIMARY KEY (tenant_id, outlet_id)
);
COMMENT ON TABLE message_sender.outlet IS 'numbers and sealed tokens, without a Tenant Service';

CREATE TRIGGER hold_changed AFTER INSERT OR UPDATE OR DELETE ON message_sender.tenant
	FOR EACH STATEMENT EXECUTE FUNCTION message_sender.hold_changed();
CREATE TRIGGER hold_changed AFTER INSERT OR UPDATE OR DELETE ON message_sender.outlet
	FOR EACH STATEMENT EXECUTE FUNCTION message_sender.hold_changed();

-- What an outlet sends with; one row.  fault: why it cannot, else null.  As the reader, with its
-- rights and the tenant set for this one call.
CREATE FUNCTION message_sender.own_outlet(asked_tenant text, asked_outlet text)
RETURNS TABLE (fault text, number text, token bytea, app_secret bytea)
LANGUAGE plpgsql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t message_sender.tenant;
	o message_sender.outlet;
BEGIN
	PERFORM set_config('message_sender.tenant', asked_tenant, true);
	SELECT * INTO t FROM message_sender.tenant x WHERE x.tenant_id = asked_tenant;
	SELECT * INTO o FROM message_sender.outlet x
	WHERE x.tenant_id = asked_tenant AND x.outlet_id = asked_outlet;
	PERFORM set_config('message_sender.tenant', '', true);
	fault := CASE WHEN t.tenant_id IS NULL THEN 'there is no such tenant'
		WHEN t.disabled_at IS NOT NULL THEN 'the tenant is disabled'
		WHEN o.outlet_id IS NULL THEN 'the tenant has no such outlet'
		WHEN o.disabled_at IS NOT NULL THEN 'the outlet is disabled'
		WHEN o.token IS NULL THEN 'the outlet has no token' END;
	IF fault IS NULL THEN
		number := o.number;
		token := o.token;
		app_secret := o.app_secret;
	END IF;
	RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION message_sender.own_outlet(text, text) FROM PUBLIC;

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['tenant', 'outlet'] LOOP
		EXECUTE pg_catalog.format('ALTER TABLE message_sender.%I ENABLE ROW LEVEL SECURITY', name);
		EXECUTE pg_catalog.format('ALTER TABLE message_sender.%I FORCE ROW LEVEL SECURITY', name);
		EXECUTE pg_catalog.format('CREATE POLICY owner ON message_sender.%I TO CURRENT_USER'
			|| ' USING (true) WITH CHECK (true)', name);
		IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
			EXECUTE pg_catalog.format('CREATE POLICY app ON message_sender.%I'
				|| ' TO message_sender_app USING (true) WITH CHECK (true)', name);
			EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE ON message_sender.%I'
				|| ' TO message_sender_app', name);
		END IF;
		IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
			EXECUTE pg_catalog.format('CREATE POLICY tenant ON message_sender.%I FOR SELECT'
				|| ' TO message_sender_reader USING (tenant_id ='
				|| ' pg_catalog.current_setting(''message_sender.tenant'', true))', name);
			EXECUTE pg_catalog.format('GRANT SELECT ON message_sender.%I'
				|| ' TO message_sender_reader', name);
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.own_outlet(text, text) TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.own_outlet(text, text) TO message_sender_app;
	END IF;
END
$$;
