-- Rates: what single outlets and tenants may send in a second, and whose share is larger.
--
-- Purpose: NUMBER_RATE and TENANT_RATE hold for all; a row here for one outlet's number, or for one
-- tenant (outlet_id '') and its weight against others.  A change is counted and rung like one of
-- `hold`, so that every worker of every node knows it within a second.
-- Locks: a new table only.

CREATE TABLE message_sender.rate (
	tenant_id text NOT NULL CHECK (octet_length(tenant_id) BETWEEN 1 AND 128),
	outlet_id text NOT NULL DEFAULT ''  -- '': of the tenant as a whole
		CHECK (octet_length(outlet_id) <= 128),
	rate integer                        -- messages a second; null: the setting; of a tenant 0: none
		CHECK (rate BETWEEN 0 AND CASE WHEN outlet_id = '' THEN 100000 ELSE 1000 END),
	weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),
	set_by text NOT NULL CHECK (set_by <> ''),
	set_at timestamptz NOT NULL,
	why text NOT NULL,
	PRIMARY KEY (tenant_id, outlet_id),
	CHECK (outlet_id = '' OR rate >= 1)
);
COMMENT ON TABLE message_sender.rate IS
	'outlets and tenants that may send faster or slower than the settings say';

CREATE TRIGGER hold_changed AFTER INSERT OR UPDATE OR DELETE ON message_sender.rate
	FOR EACH STATEMENT EXECUTE FUNCTION message_sender.hold_changed();

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.rate TO message_sender_app;
	END IF;
END
$$;
