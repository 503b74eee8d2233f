-- The look-up of a message's status by its id alone.
--
-- Purpose: the only door for a caller who has nothing but the id, whose 74 random bits are
-- the permission.  While work has a row, that row knows the exact state; a message that was
-- sent stays what it is even while work is left (the Conversation Service).
-- Locks: reads only.  PL/pgSQL because it keeps its plan for the session.

CREATE FUNCTION message_sender.message_status(id uuid)
RETURNS TABLE (state text, wamid text, sent_at timestamptz, delivered_at timestamptz,
	read_at timestamptz, failure_code integer, attempts smallint, failure_reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT CASE WHEN m.state IN ('queued', 'sending', 'retrying', 'unknown')
			THEN coalesce(w.state, m.state) ELSE m.state END,
		m.wamid, m.sent_at, m.delivered_at, m.read_at, m.failure_code,
		greatest(m.attempts, w.attempt), m.failure_reason
	FROM message_sender.message m
	LEFT JOIN message_sender.work w ON w.message_id = m.message_id
	WHERE m.message_id = id;
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_status(uuid) FROM PUBLIC;
