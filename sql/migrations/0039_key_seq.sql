-- The place in order of a message whose first request never came to its answer.
--
-- Purpose: its acceptance was in doubt, so nobody rang for it; whoever answers its repetition rings
-- before it does, or the next message to the same recipient goes first.
-- Locks: a function only.

DROP FUNCTION message_sender.idempotency_answer(text, text);
CREATE FUNCTION message_sender.idempotency_answer(asked_tenant text, asked_key text)
RETURNS TABLE (message_id uuid, fingerprint bytea, answer_status smallint, answer_body text,
	running boolean, state text, wamid text, sent_at timestamptz, delivered_at timestamptz,
	read_at timestamptz, failure_code integer, attempts smallint, failure_reason text, seq bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT k.message_id, k.fingerprint, k.answer_status, k.answer_body,
		k.answer_status IS NULL AND k.runs_until > statement_timestamp(),
		s.state, s.wamid, s.sent_at, s.delivered_at, s.read_at, s.failure_code, s.attempts,
		s.failure_reason,
		(SELECT w.seq FROM message_sender.work w WHERE w.message_id = k.message_id)
	FROM message_sender.idempotency_key k
	LEFT JOIN LATERAL message_sender.message_status(k.message_id) s ON true
	WHERE k.tenant_id = asked_tenant AND k.key = asked_key
		AND k.expires_at > statement_timestamp();
END
$$;

REVOKE ALL ON FUNCTION message_sender.idempotency_answer(text, text) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.idempotency_answer(text, text)
			TO message_sender_reader;
	END IF;
END
$$;
