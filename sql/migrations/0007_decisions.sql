-- What people decided about messages whose reply was lost, and the one way to decide it.
--
-- Purpose: an attempt whose reply was lost leaves its message `unknown`, and nothing sends it
-- again by itself.  A person who knows more (from Meta's records, from the customer) says what
-- it came to; decision keeps who said it and why.  One decision for one lost attempt: the
-- attempt itself stays `lost`, as that is all the service saw of it.
-- Locks: new objects only.

CREATE TABLE message_sender.decision (
	message_id uuid NOT NULL,
	attempt smallint NOT NULL,          -- the lost one
	decision text NOT NULL CHECK (decision IN ('sent', 'failed', 'resend')),
	decided_by text NOT NULL CHECK (decided_by <> ''),
	why text NOT NULL CHECK (why <> ''),
	decided_at timestamptz NOT NULL,
	PRIMARY KEY (message_id, attempt)
);
COMMENT ON TABLE message_sender.decision IS
	'who decided what about a message whose reply was lost, and why';

-- Decides one message in one transaction.  Returns what stands in the way, or null when done.
-- Locks the work row first, as whoever begins an attempt or records an outcome does.
--   sent    it counts as sent; the copy for the Conversation Service is owed only when the id
--           of WhatsApp is known, as that service asks for it
--   failed  it is final; no attempt follows
--   resend  due again at once, with a fresh count of attempts; the lost attempt stays lost
CREATE FUNCTION message_sender.resolve(id uuid, what text, reason text, who text,
	known_wamid text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w message_sender.work;
	copy_owed boolean;
	now_at timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO w FROM message_sender.work k WHERE k.message_id = id FOR UPDATE;
	IF NOT FOUND OR w.state <> 'unknown' OR w.attempt_open THEN
		RETURN coalesce((SELECT 'it is not unknown: its state is '
				|| CASE WHEN m.state IN ('queued', 'sending', 'retrying', 'unknown')
					THEN coalesce(w.state, m.state) ELSE m.state END
			FROM message_sender.message m WHERE m.message_id = id),
			'there is no message with this id');
	END IF;
	INSERT INTO message_sender.decision (message_id, attempt, decision, decided_by, why,
		decided_at)
	VALUES (id, w.attempt, what, who, reason, now_at);
	UPDATE message_sender.message m
	SET state = CASE what WHEN 'resend' THEN 'retrying' ELSE what END,
		wamid = CASE WHEN what = 'sent' THEN known_wamid END,
		sent_at = CASE WHEN what = 'sent' THEN now_at END,
		failed_at = CASE WHEN what = 'failed' THEN now_at END,
		failure_code = CASE WHEN what = 'failed' THEN -8 END,
		failure_reason = CASE WHEN what = 'failed'
			THEN 'the reply was lost; it was decided that the message was not sent' END
	WHERE m.message_id = id AND m.state IN ('queued', 'sending', 'retrying', 'unknown')
	RETURNING m.conversation_id IS NOT NULL AND m.wamid IS NOT NULL INTO copy_owed;
	IF what = 'resend' THEN
		UPDATE message_sender.work k
		SET state = 'retrying', wait = 0, due_at = now_at, caller_waits = false, counted = 0,
			throttled = 0, expires_at = greatest(k.expires_at, now_at + interval '1 hour')
		WHERE k.message_id = id;
	ELSIF what = 'sent' AND copy_owed THEN
		UPDATE message_sender.work k SET state = 'sent', wait = 1, due_at = now_at
		WHERE k.message_id = id;
	ELSE
		DELETE FROM message_sender.work k WHERE k.message_id = id;
	END IF;
	RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION message_sender.resolve(uuid, text, text, text, text) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT ON message_sender.decision TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.resolve(uuid, text, text, text, text)
			TO message_sender_app;
	END IF;
END
$$;
