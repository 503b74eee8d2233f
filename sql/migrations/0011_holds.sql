-- Holds: what must not be sent for now, who said so and why.
--
-- Purpose: one row from when a hold begins until for ever; released_at ends it, so that who
-- and why can be asked later.  Whoever owns a lane begins no attempt for what a current hold
-- covers; the message's row in work then is `held` by that hold (wait = 3), out of the way of
-- everything that polls, until the hold is released or its validity ends.
-- hold_version counts the changes: workers look at it every second, and the change itself
-- rings all of them.
-- Locks: ACCESS EXCLUSIVE on work while its constraint is checked and the index is built.

CREATE TABLE message_sender.hold (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	scope text NOT NULL CHECK (scope IN ('all', 'tenant', 'outlet', 'number')),
	tenant_id text NOT NULL DEFAULT '', -- with tenant and outlet
	outlet_id text NOT NULL DEFAULT '', -- with outlet
	number text NOT NULL DEFAULT '',    -- with number
	reason text NOT NULL CHECK (reason IN ('paused', 'token', 'restore')),
	CHECK (octet_length(tenant_id) <= 128 AND octet_length(outlet_id) <= 128
		AND octet_length(number) <= 31),
	set_by text NOT NULL CHECK (set_by <> ''),
	set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	note text NOT NULL DEFAULT '',
	released_by text CHECK (released_by <> ''),
	released_at timestamptz,            -- null: in force
	release_note text,
	CHECK ((tenant_id <> '') = (scope IN ('tenant', 'outlet'))),
	CHECK ((outlet_id <> '') = (scope = 'outlet')),
	CHECK ((number <> '') = (scope = 'number')),
	CHECK ((released_at IS NULL) = (released_by IS NULL))
);
CREATE UNIQUE INDEX hold_current ON message_sender.hold
	(scope, tenant_id, outlet_id, number, reason) WHERE released_at IS NULL;
COMMENT ON TABLE message_sender.hold IS 'what is, or was, not to be sent: who said so and why';

CREATE TABLE message_sender.hold_version (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	version bigint NOT NULL
);
INSERT INTO message_sender.hold_version (version) VALUES (1);

-- Every change is counted and rings all workers: "h" on the channel of all.
CREATE FUNCTION message_sender.hold_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE message_sender.hold_version SET version = version + 1;
	PERFORM pg_notify('ms_all', 'h');
	RETURN NULL;
END
$$;
CREATE TRIGGER hold_changed AFTER INSERT OR UPDATE OR DELETE ON message_sender.hold
	FOR EACH STATEMENT EXECUTE FUNCTION message_sender.hold_changed();

-- What is held, and by whom since when and why, as people read it.
CREATE FUNCTION message_sender.hold_subject(h message_sender.hold) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE h.scope WHEN 'all' THEN 'everything' WHEN 'tenant' THEN 'tenant ' || h.tenant_id
		WHEN 'outlet' THEN 'outlet ' || h.tenant_id || '/' || h.outlet_id
		ELSE 'number ' || h.number END
$$;

CREATE FUNCTION message_sender.hold_text(h message_sender.hold) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT message_sender.hold_subject(h)
		|| CASE h.reason WHEN 'paused' THEN ' paused' WHEN 'token' THEN ' held for its token'
			ELSE ' held after a restore' END
		|| ' by ' || h.set_by || ' since ' || message_sender.time_text(h.set_at)
		|| CASE WHEN h.note <> '' THEN ': ' || h.note ELSE '' END
$$;

-- What holds a message now, as text, and since when it does.  No row: nothing.
CREATE FUNCTION message_sender.message_hold(id uuid)
RETURNS TABLE (hold text, held_us bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT message_sender.hold_text(r.held), message_sender.time_us(
		greatest((r.held).set_at, m.accepted_at))
	FROM message_sender.work w
	CROSS JOIN LATERAL (SELECT t AS held FROM message_sender.hold t
		WHERE t.id = w.hold OFFSET 0) AS r
	CROSS JOIN LATERAL (SELECT t.accepted_at FROM message_sender.message t
		WHERE t.message_id = w.message_id OFFSET 0) AS m
	WHERE w.message_id = message_hold.id AND w.state = 'held';
END
$$;

ALTER TABLE message_sender.work
	ADD COLUMN hold integer,            -- with wait = 3 (held): by this one
	DROP CONSTRAINT work_state_check,
	ADD CONSTRAINT work_state_check CHECK (state IN ('queued', 'sending', 'retrying',
		'unknown', 'sent', 'held'));
CREATE INDEX work_held ON message_sender.work (lane, seq) WHERE wait = 3;

CREATE OR REPLACE FUNCTION message_sender.state_status(state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN state IN ('sending', 'retrying', 'unknown', 'held') THEN 'queued'
		WHEN state IN ('cancelled', 'expired') THEN 'failed' ELSE state END
$$;

REVOKE ALL ON FUNCTION message_sender.hold_changed(), message_sender.message_hold(uuid)
	FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE ON message_sender.hold TO message_sender_app;
		GRANT SELECT ON message_sender.hold_version TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.message_hold(uuid) TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.message_hold(uuid) TO message_sender_reader;
	END IF;
END
$$;
