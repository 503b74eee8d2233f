-- Who may see which messages, and who may read at all; may be applied again.
--
-- Purpose: message is the only table that reader may look into: it sees the rows of the tenant
-- that message_sender.tenant names in its transaction, and none without.  Forced, so for the
-- owner too, who has a policy of its own, as has app, which writes by key or lane.
-- Locks: ACCESS EXCLUSIVE on message for a moment.

ALTER TABLE message_sender.message ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_sender.message FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner ON message_sender.message;
CREATE POLICY owner ON message_sender.message TO CURRENT_USER USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS app ON message_sender.message;
DROP POLICY IF EXISTS tenant ON message_sender.message;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		CREATE POLICY app ON message_sender.message TO message_sender_app
			USING (true) WITH CHECK (true);
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		CREATE POLICY tenant ON message_sender.message FOR SELECT TO message_sender_reader
			USING (tenant_id = pg_catalog.current_setting('message_sender.tenant', true));
		GRANT SELECT ON message_sender.message TO message_sender_reader;
	END IF;
END
$$;

DO $$
DECLARE
	reader name;
BEGIN
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION message_sender.message_whole(uuid),'
			|| ' message_sender.message_events(uuid), message_sender.message_facts(uuid),'
			|| ' message_sender.message_live(uuid),'
			|| ' message_sender.message_list(text, text, timestamptz, uuid, integer) TO %I',
			reader);
	END LOOP;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.id_floor(timestamptz)
			TO message_sender_reader;
	END IF;
END
$$;
