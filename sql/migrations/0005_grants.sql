-- What each role may do; nothing when the roles do not exist.
--
-- Purpose: app writes and runs lanes; reader may ask for a status by id and nothing else;
-- maintenance makes partitions; report gets its views with the reporting schema.
-- Locks: brief, on catalogue rows.

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT USAGE ON SCHEMA message_sender TO message_sender_app;
		GRANT SELECT ON message_sender.schema_migration TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE ON message_sender.message, message_sender.attempt
			TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.work TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE ON message_sender.incarnation TO message_sender_app;
		GRANT USAGE ON SEQUENCE message_sender.work_seq TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.partitions_ahead(integer)
			TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT USAGE ON SCHEMA message_sender TO message_sender_reader;
		GRANT EXECUTE ON FUNCTION message_sender.message_status(uuid) TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_maintenance') THEN
		GRANT USAGE ON SCHEMA message_sender TO message_sender_maintenance;
		GRANT EXECUTE ON FUNCTION message_sender.partitions_ahead(integer)
			TO message_sender_maintenance;
	END IF;
END
$$;
