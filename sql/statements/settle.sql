-- settle: policies decide about messages whose reply was lost, or put it off.
-- Parameters: $1 uuid[] message ids, sorted; $2 smallint[] the lost attempt; $3 text[] wait, keep,
--   resend or failed; $4 timestamptz[] due, with wait; $5 text[] policy; $6 integer[] its
--   quarantine, s; $7 timestamptz[] when that policy was set for the tenant, null: it is the
--   service's; $8 text[] why, with resend and failed; $9, $10 least and greatest id, for pruning;
--   $11 the host's time now; $12 boolean: false: our incarnation is fenced, nothing is done.
-- Result: one row, bigint[]: positions (from 1) of those done; null: none.
-- Only while that attempt is the last one and unknown, and that policy the one in force: by another
-- one it is looked at anew (tenant_due); and no decision once a receipt has come (load_unknown says
-- which).
-- A decision is recorded with what it does; the next attempt begins in the usual way.
-- Indexes: primary keys.  Locks: work (held since outcome_lock), message.
WITH input AS MATERIALIZED (
	SELECT u.*
	FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[],
		$6::integer[], $7::timestamptz[], $8::text[]) WITH ORDINALITY
		AS u (message_id, attempt, what, due_at, policy, quarantine, policy_set_at, why, ord)
	JOIN message_sender.work w
		ON w.message_id = u.message_id AND w.message_id = ANY ($1::uuid[])
	WHERE $12::boolean AND w.state = 'unknown' AND NOT w.attempt_open AND w.attempt = u.attempt
		AND (SELECT t.set_at FROM message_sender.tenant_policy t
			WHERE t.tenant_id = w.tenant_id) IS NOT DISTINCT FROM u.policy_set_at
		AND (u.what IN ('wait', 'keep') OR (SELECT r.attempt FROM message_sender.receipt r
			WHERE r.message_id = u.message_id AND r.attempt <= u.attempt
				AND (r.attempt = u.attempt OR r.status NOT IN ('sent', 'failed')
					OR r.status = 'sent' AND (SELECT f.attempt FROM message_sender.receipt f
						WHERE f.message_id = u.message_id AND f.attempt = r.attempt
							AND f.status = 'failed' LIMIT 1) IS NULL)
			LIMIT 1) IS NULL)
), decided AS (
	INSERT INTO message_sender.decision (message_id, attempt, decision, decided_by, why,
		decided_at)
	SELECT message_id, attempt, what, 'policy:' || policy, why, statement_timestamp()
	FROM input WHERE what IN ('resend', 'failed') ORDER BY message_id
), moved AS (
	UPDATE message_sender.work w
	SET state = CASE i.what WHEN 'resend' THEN 'retrying' ELSE w.state END,
		wait = CASE i.what WHEN 'resend' THEN 0 WHEN 'keep' THEN 4 ELSE 2 END,
		caller_waits = w.caller_waits AND i.what <> 'resend',
		due_at = statement_timestamp() + coalesce(i.due_at - $11::timestamptz, interval '0'),
		lost_at = coalesce(w.lost_at, statement_timestamp()), settle_policy = i.policy,
		settle_quarantine = i.quarantine
	FROM input i
	WHERE w.message_id = i.message_id AND w.message_id = ANY (ARRAY(SELECT message_id FROM input
		WHERE what <> 'failed')) AND i.what <> 'failed'
), gone AS (
	DELETE FROM message_sender.work w
	WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM input WHERE what = 'failed'))
), told AS (
	UPDATE message_sender.message m
	SET state = CASE i.what WHEN 'resend' THEN 'retrying' ELSE 'failed' END,
		failed_at = CASE WHEN i.what = 'failed' THEN statement_timestamp() END,
		failure_code = CASE WHEN i.what = 'failed' THEN -8 END,
		failure_reason = CASE WHEN i.what = 'failed' THEN 'The reply was lost, and what came of'
			|| ' it was not learnt in time: WhatsApp may or may not have the message. ' || i.why END
	FROM input i
	WHERE m.message_id = i.message_id AND m.message_id = ANY ($1::uuid[])
		AND m.message_id BETWEEN $9::uuid AND $10::uuid AND i.what IN ('resend', 'failed')
		AND m.state IN ('queued', 'sending', 'retrying', 'unknown')
)
SELECT array_agg(ord) FROM input
