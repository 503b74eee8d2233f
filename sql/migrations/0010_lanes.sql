-- Lanes: who may begin attempts for which share of the work.
--
-- Purpose: the lease belongs to an incarnation; a lane only points to one.  Whoever takes the
-- lanes of another incarnation first sets its `fenced`, which is never unset: a batch that
-- begins attempts holds its incarnation's row FOR SHARE (hold_lease) and fails when that is
-- fenced, so no attempt begins behind a takeover.  Leases are judged by this server's clock.
-- Locks: ACCESS EXCLUSIVE on incarnation, briefly; a new table.

ALTER TABLE message_sender.incarnation
	ADD COLUMN node_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
	ADD COLUMN boot_id text NOT NULL DEFAULT '',
	ADD COLUMN node_file text NOT NULL DEFAULT '',
	ADD COLUMN draining boolean NOT NULL DEFAULT false,
	ADD COLUMN gone boolean NOT NULL DEFAULT false,
	ADD COLUMN lease_until timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN message_sender.incarnation.gone IS
	'proven dead when it was fenced: its open attempts are lost';
COMMENT ON COLUMN message_sender.incarnation.draining IS 'wants no lanes any more';
CREATE INDEX incarnation_live ON message_sender.incarnation (id) WHERE NOT fenced;
-- Lives of before this migration hold nothing.
UPDATE message_sender.incarnation SET fenced = true;

CREATE TABLE message_sender.lane (
	lane smallint PRIMARY KEY CHECK (lane BETWEEN 0 AND 63),
	incarnation uuid,                   -- null: free
	since timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE message_sender.lane IS
	'a lane whose incarnation is fenced is free as well';
INSERT INTO message_sender.lane (lane) SELECT generate_series(0, 63);

-- Locks the incarnation until the transaction ends, unless it is fenced: then MS001.
-- PL/pgSQL because it keeps its plan for the session.
CREATE FUNCTION message_sender.hold_lease(self uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM message_sender.incarnation i WHERE i.id = self AND NOT i.fenced FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'MS001', MESSAGE = 'incarnation is fenced';
	END IF;
END
$$;

REVOKE ALL ON FUNCTION message_sender.hold_lease(uuid) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, UPDATE ON message_sender.lane TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.hold_lease(uuid) TO message_sender_app;
	END IF;
END
$$;
