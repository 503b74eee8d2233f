-- Why a message is put off now, for its explanation: its outlet's credentials, or a circuit breaker.
--
-- Locks: a new function only.

-- The wait that lasts: the one that ends when the work is due.  No row: there is none.
CREATE FUNCTION message_sender.message_wait(id uuid)
RETURNS TABLE (wait_code integer, wait_reason text, wait_us bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT t.code, t.reason, message_sender.time_us(t.since)
	FROM message_sender.work w
	CROSS JOIN LATERAL (SELECT h.* FROM message_sender.wait h
		WHERE h.message_id = w.message_id AND h.attempt = w.attempt AND h.until = w.due_at
		ORDER BY h.code LIMIT 1) AS t
	WHERE w.message_id = message_wait.id AND w.state = 'retrying' AND NOT w.attempt_open;
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_wait(uuid) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.message_wait(uuid) TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.message_wait(uuid) TO message_sender_reader;
	END IF;
END
$$;
