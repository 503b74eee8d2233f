-- outcome: what attempts came to.  Facts: recorded whatever happened meanwhile, idempotent.
-- Parameters: $1..$19 one array per column, sorted by message id, at most one row for a
--   message; $20, $21 least and greatest id, for pruning; $22 the host's time now.
-- Result: none.
-- The attempt's row is added, or replaces one that says `lost`.  An accepted one makes the
-- message sent; another counts only while work speaks of that very attempt, and never undoes
-- sent.  (One that a restore has put in, of nobody's incarnation, is everybody's.)  Work goes
-- on as `next` says; a message that turned out sent by another attempt only goes to the
-- Conversation Service.  A later attempt under way is left alone: its own outcome ends the
-- work.
-- A receipt may have come before: then a lost attempt is an accepted one, and a message that is
-- further than sent, or has failed, stays so; what is missing of it is filled in.
-- Indexes: primary keys.  Locks: work (held since outcome_lock), message, attempt rows.
WITH judged AS MATERIALIZED (
	SELECT u.*, c.current, c.proof, c.undone,
		CASE WHEN c.proof IS NULL THEN u.outcome ELSE 'accepted' END AS came_to, CASE
		WHEN w.message_id IS NULL OR w.state = 'sent' OR c.undone THEN 'none'
		WHEN u.outcome = 'accepted' AND w.attempt_open THEN
			CASE WHEN w.attempt > u.attempt THEN 'none' ELSE u.next END
		WHEN u.outcome <> 'accepted' AND NOT c.current THEN 'none'
		ELSE coalesce((
			SELECT CASE WHEN m.conversation_id IS NULL OR w.copied OR m.state = 'failed' THEN 'done'
				ELSE 'conversation' END
			FROM message_sender.message m
			WHERE m.message_id = u.message_id AND m.message_id BETWEEN $20::uuid AND $21::uuid
				AND m.state IN ('sent', 'delivered', 'read', 'failed')), u.next)
		END AS work_next
	FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::text[],
		$6::timestamptz[], $7::timestamptz[], $8::smallint[], $9::integer[], $10::integer[],
		$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[],
		$17::smallint[], $18::smallint[], $19::text[])
		AS u (message_id, attempt, incarnation, outcome, number, begun_at, ended_at,
		http_status, code, subcode, title, details, trace, wamid, next, due_at, counted,
		throttled, failure_reason)
	LEFT JOIN message_sender.work w
		ON w.message_id = u.message_id AND w.message_id = ANY ($1::uuid[])
	CROSS JOIN LATERAL (
		SELECT coalesce(w.attempt = u.attempt
			AND coalesce(w.incarnation, u.incarnation) = u.incarnation
			AND (w.attempt_open OR w.state = 'unknown'), false) AS current,
			CASE WHEN u.outcome = 'lost' THEN (SELECT r.wamid FROM message_sender.receipt r
				WHERE r.message_id = u.message_id AND r.attempt = u.attempt
					AND r.message_id BETWEEN $20::uuid AND $21::uuid
				ORDER BY r.at LIMIT 1) END AS proof,
			CASE WHEN u.outcome = 'accepted' AND w.state IN ('retrying', 'held')
				AND NOT w.attempt_open THEN (SELECT r.attempt FROM message_sender.receipt r
				WHERE r.message_id = u.message_id AND r.attempt = u.attempt
					AND r.message_id BETWEEN $20::uuid AND $21::uuid
					AND r.status = 'failed' LIMIT 1) IS NOT NULL ELSE false END AS undone
	) AS c
), recorded AS (
	INSERT INTO message_sender.attempt (message_id, attempt, incarnation, number, outcome,
		http_status, code, subcode, title, details, trace, wamid, begun_at, ended_at)
	SELECT message_id, attempt, incarnation, number, came_to, http_status, code, subcode, title,
		details, trace, coalesce(wamid, proof), begun_at, ended_at
	FROM judged
	ON CONFLICT (message_id, attempt) DO UPDATE
	SET outcome = excluded.outcome, http_status = excluded.http_status, code = excluded.code,
		subcode = excluded.subcode, title = excluded.title, details = excluded.details,
		trace = excluded.trace, wamid = excluded.wamid, ended_at = excluded.ended_at
	WHERE attempt.outcome = 'lost' AND excluded.outcome <> 'lost'
), moved AS (
	UPDATE message_sender.work w
	SET state = CASE j.work_next WHEN 'conversation' THEN 'sent' WHEN 'retry' THEN 'retrying'
			ELSE 'unknown' END,
		wait = CASE j.work_next WHEN 'conversation' THEN 1 WHEN 'retry' THEN 0 ELSE 2 END,
		attempt_open = false, counted = j.counted, throttled = j.throttled,
		lost_at = CASE j.work_next WHEN 'unknown' THEN statement_timestamp() END,
		settle_policy = NULL, settle_quarantine = NULL,
		due_at = statement_timestamp() + coalesce(j.due_at - $22::timestamptz, interval '0')
	FROM judged j
	WHERE w.message_id = j.message_id AND j.work_next IN ('conversation', 'retry', 'unknown')
		AND w.message_id = ANY (ARRAY(SELECT message_id FROM judged
			WHERE work_next IN ('conversation', 'retry', 'unknown')))
), gone AS (
	DELETE FROM message_sender.work w
	WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM judged
		WHERE work_next IN ('done', 'failed', 'expired')))
)
UPDATE message_sender.message m
SET state = CASE WHEN m.state IN ('sent', 'delivered', 'read', 'failed') THEN m.state
		WHEN j.came_to = 'accepted' THEN 'sent' WHEN j.next = 'retry' THEN 'retrying'
		WHEN j.next = 'unknown' THEN 'unknown'
		WHEN j.next = 'expired' AND m.valid_until IS NOT NULL AND m.sent_at IS NULL THEN 'expired'
		ELSE 'failed' END,
	wamid = CASE WHEN m.state = 'retrying' THEN coalesce(j.wamid, j.proof, m.wamid)
		ELSE coalesce(m.wamid, j.wamid, j.proof) END, number = coalesce(m.number, j.number),
	attempts = greatest(m.attempts, j.attempt),
	sent_at = CASE WHEN j.came_to = 'accepted' THEN coalesce(m.sent_at, j.ended_at)
		ELSE m.sent_at END,
	failed_at = CASE WHEN j.came_to <> 'accepted' AND j.next IN ('failed', 'expired')
		AND m.state NOT IN ('sent', 'delivered', 'read', 'failed')
		THEN j.ended_at ELSE m.failed_at END,
	failure_code = CASE WHEN j.came_to <> 'accepted' AND j.next IN ('failed', 'expired')
		AND m.state NOT IN ('sent', 'delivered', 'read', 'failed')
		THEN j.code ELSE m.failure_code END,
	failure_reason = CASE WHEN j.came_to <> 'accepted' AND j.next IN ('failed', 'expired')
		AND m.state NOT IN ('sent', 'delivered', 'read', 'failed')
		THEN j.failure_reason ELSE m.failure_reason END
FROM judged j
WHERE m.message_id = j.message_id AND m.message_id = ANY ($1::uuid[])
	AND m.message_id BETWEEN $20::uuid AND $21::uuid
	AND (j.came_to = 'accepted' OR j.current) AND NOT j.undone
	AND (m.state IN ('queued', 'scheduled', 'sending', 'retrying', 'unknown')
		OR m.state IN ('sent', 'delivered', 'read', 'failed') AND m.attempts < j.attempt)
