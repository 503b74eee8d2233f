-- The look of a waiting request: a message's status, and whether its copy is being posted.
--
-- Purpose: whoever waits for a result is answered when the Conversation Service has its copy, or
-- after a second; who finds the message sent, as the result's bell was lost, must know.  By the
-- id alone, as message_status.
-- Locks: reads only.

CREATE FUNCTION message_sender.message_look(id uuid)
RETURNS TABLE (state text, wamid text, sent_at timestamptz, delivered_at timestamptz,
	read_at timestamptz, failure_code integer, attempts smallint, failure_reason text,
	copying boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT s.*, coalesce((SELECT w.state = 'sent' AND w.conversation_tries = 0
		FROM message_sender.work w WHERE w.message_id = id), false)
	FROM message_sender.message_status(id) AS s;
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_look(uuid) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.message_look(uuid) TO message_sender_reader;
	END IF;
END
$$;
