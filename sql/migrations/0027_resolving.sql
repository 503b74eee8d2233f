-- Lost replies are decided many at a time, and each says what was lost.
--
-- Purpose: a restore may leave thousands of messages unknown, which no policy settles.
-- resolvable() finds those that fit a filter, in the order of their ids, for resolve() in
-- transactions of a few hundred.  And what a restore made unknown and a person gave up has failed
-- for the restore (-13), not for a reply that was lost.
-- Locks: functions only.

-- Unknown messages by filter (null: any), above `after`, at most so many (null: all), with the code
-- of the lost attempt.  since, until: when it was accepted, by its id.
CREATE FUNCTION message_sender.resolvable(tenant text, outlet text, sender text, error_code integer,
	since timestamptz, until timestamptz, after uuid, most integer)
RETURNS TABLE (message_id uuid, tenant_id text, code integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
	RETURN QUERY
	SELECT w.message_id, w.tenant_id, a.code
	FROM message_sender.work w
	JOIN message_sender.message m
		ON m.message_id = w.message_id AND m.tenant_id = w.tenant_id
	LEFT JOIN message_sender.attempt a
		ON a.message_id = w.message_id AND a.attempt = w.attempt
	WHERE w.state = 'unknown' AND NOT w.attempt_open
		AND (since IS NULL OR w.message_id >= message_sender.id_floor(since))
		AND (until IS NULL OR w.message_id < message_sender.id_floor(until))
		AND (after IS NULL OR w.message_id > after)
		AND (tenant IS NULL OR w.tenant_id = tenant)
		AND (outlet IS NULL OR m.outlet_id = outlet)
		AND (sender IS NULL OR w.number = sender)
		AND (error_code IS NULL OR a.code = error_code)
	ORDER BY w.message_id LIMIT most;
END
$$;

-- As in 0007_decisions.sql, with the code of what was lost.
CREATE OR REPLACE FUNCTION message_sender.resolve(id uuid, what text, reason text, who text,
	known_wamid text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w message_sender.work;
	restored boolean;
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
	restored := EXISTS (SELECT FROM message_sender.attempt a WHERE a.message_id = id
		AND a.attempt = w.attempt AND a.code = -13);
	INSERT INTO message_sender.decision (message_id, attempt, decision, decided_by, why,
		decided_at)
	VALUES (id, w.attempt, what, who, reason, now_at);
	UPDATE message_sender.message m
	SET state = CASE what WHEN 'resend' THEN 'retrying' ELSE what END,
		wamid = CASE WHEN what = 'sent' THEN known_wamid END,
		sent_at = CASE WHEN what = 'sent' THEN now_at END,
		failed_at = CASE WHEN what = 'failed' THEN now_at END,
		failure_code = CASE WHEN what = 'failed' THEN CASE WHEN restored THEN -13 ELSE -8 END END,
		failure_reason = CASE WHEN what = 'failed' THEN CASE WHEN restored
			THEN 'PostgreSQL was restored or failed over' ELSE 'the reply was lost' END
			|| '; it was decided that the message was not sent' END
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

REVOKE ALL ON FUNCTION message_sender.resolvable(text, text, text, integer, timestamptz,
	timestamptz, uuid, integer) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.resolvable(text, text, text, integer,
			timestamptz, timestamptz, uuid, integer) TO message_sender_app;
	END IF;
END
$$;
