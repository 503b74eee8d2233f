-- Idempotency keys: what a caller called its request, and how it was answered.
--
-- Purpose: one key of one tenant is one message.  The primary key decides between requests
-- that race, wherever they are accepted, which is why the table is outside the partitions.
-- A key comes in the transaction that accepts its message, and the answer before it leaves.
-- Times are PostgreSQL's own: clocks of hosts decide nothing.  Kept 7 days; the index over
-- message_id finds the key of an answer and, as ids grow with time, what has expired.
-- Locks: a new table only.

CREATE TABLE message_sender.idempotency_key (
	tenant_id text NOT NULL,
	key text NOT NULL,
	fingerprint bytea NOT NULL,         -- SHA-256 of the raw body
	message_id uuid NOT NULL,
	created_at timestamptz NOT NULL,
	runs_until timestamptz NOT NULL,    -- so long its own request may still be answered
	expires_at timestamptz NOT NULL,
	answer_status smallint,             -- null: not answered yet
	answer_body text,
	PRIMARY KEY (tenant_id, key),
	CHECK ((answer_status IS NULL) = (answer_body IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX idempotency_key_message ON message_sender.idempotency_key (message_id);
COMMENT ON TABLE message_sender.idempotency_key IS
	'requests with an Idempotency-Key: their message and their first answer';

-- The only door for who has tenant and key: what became of the first request.  PL/pgSQL
-- because it keeps its plan for the session.
CREATE FUNCTION message_sender.idempotency_answer(asked_tenant text, asked_key text)
RETURNS TABLE (message_id uuid, fingerprint bytea, answer_status smallint, answer_body text,
	running boolean, state text, wamid text, sent_at timestamptz, delivered_at timestamptz,
	read_at timestamptz, failure_code integer, attempts smallint, failure_reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT k.message_id, k.fingerprint, k.answer_status, k.answer_body,
		k.answer_status IS NULL AND k.runs_until > statement_timestamp(),
		s.state, s.wamid, s.sent_at, s.delivered_at, s.read_at, s.failure_code, s.attempts,
		s.failure_reason
	FROM message_sender.idempotency_key k
	LEFT JOIN LATERAL message_sender.message_status(k.message_id) s ON true
	WHERE k.tenant_id = asked_tenant AND k.key = asked_key
		AND k.expires_at > statement_timestamp();
END
$$;

REVOKE ALL ON FUNCTION message_sender.idempotency_answer(text, text) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.idempotency_key
			TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.idempotency_answer(text, text)
			TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_maintenance') THEN
		GRANT SELECT, DELETE ON message_sender.idempotency_key TO message_sender_maintenance;
	END IF;
END
$$;
