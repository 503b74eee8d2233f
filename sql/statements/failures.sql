-- failures: what Meta reports as failed: each event once, with all it does.
-- Parameters: $1..$16 as receipts; $17 text[] why, for people; $18 integer[] the wait before it is
--   sent again, ms, null: it is not; $19 integer[] validity of messages whose callers gave none, s; both empty when
--   none is sent again.
-- Result: as receipts; besides what `again` and `failed`, also with message id, attempt, tenant.
-- Only what was not there before does anything, of the last attempt only, while nothing better than
-- sent is known and the message does not wait for another attempt already: then it has failed, or
-- waits for another one as far as its validity and an attempt under way let it.  What is unknown is
-- settled by its owner, as the attempt was taken (docs/decisions/0013).
-- Indexes: primary keys, attempt_wamid.  Locks: work (held since receipts_lock), message; new rows.
WITH
@include receipt_found
, why AS MATERIALIZED (
	SELECT u.*, statement_timestamp() + u.again * interval '1 millisecond' AS again_at
	FROM unnest($17::text[], $18::integer[], $19::integer[])
		WITH ORDINALITY AS u (reason, again, ttl, ord)
), news AS MATERIALIZED (
	SELECT DISTINCT ON (f.id) f.*, y.reason, e.expires_at,
		CASE WHEN y.again_at < e.expires_at AND f.live_open IS NOT TRUE THEN y.again_at END AS again_at
	FROM fresh f
	JOIN why y ON y.ord = f.ord
	CROSS JOIN LATERAL (SELECT coalesce(f.valid_until, f.asked_at + y.ttl * interval '1 second')
		AS expires_at) AS e
	WHERE f.nth = greatest(f.attempts, f.live_attempt)
		AND (f.live IS NULL OR f.live_open OR f.live IN ('unknown', 'sent'))
	ORDER BY f.id, f.at, f.ord
), told AS MATERIALIZED (
	UPDATE message_sender.message m
	SET state = CASE WHEN n.again_at IS NULL THEN 'failed' ELSE 'retrying' END,
		wamid = coalesce(m.wamid, n.wamid), sent_at = coalesce(m.sent_at, n.at),
		failed_at = CASE WHEN n.again_at IS NULL THEN n.at END,
		failure_code = CASE WHEN n.again_at IS NULL THEN n.code END,
		failure_reason = CASE WHEN n.again_at IS NULL THEN n.reason END
	FROM news n
	WHERE m.message_id = n.id AND m.message_id = ANY (ARRAY(SELECT id FROM news))
		AND m.message_id >= (SELECT id FROM news ORDER BY id LIMIT 1)
		AND m.message_id <= (SELECT id FROM news ORDER BY id DESC LIMIT 1)
		AND m.state IN ('queued', 'sending', 'retrying', 'unknown', 'sent')
	RETURNING n.*
), again AS (
	INSERT INTO message_sender.work AS w (message_id, tenant_id, lane, seq, state, caller_waits,
		attempt, attempt_open, counted, due_at, expires_at, number, class, queue)
	SELECT id, tenant_id, message_sender.tenant_lane(tenant_id),
		nextval('message_sender.work_seq'), 'retrying', false, nth, false, nth, again_at,
		expires_at, own_number, class, message_sender.work_queue(tenant_id, outlet_id, class)
	FROM told WHERE again_at IS NOT NULL ORDER BY id
	ON CONFLICT (message_id) DO UPDATE
	SET state = 'retrying', wait = 0, caller_waits = false, due_at = excluded.due_at,
		settle_policy = NULL, settle_quarantine = NULL
), decided AS (
	INSERT INTO message_sender.decision (message_id, attempt, decision, decided_by, why,
		decided_at)
	SELECT id, nth, 'resend', 'policy:receipt', reason, statement_timestamp()
	FROM told WHERE again_at IS NOT NULL ORDER BY id
	ON CONFLICT DO NOTHING
), due AS (
	UPDATE message_sender.work w
	SET wait = 2, due_at = statement_timestamp(), settle_policy = NULL, settle_quarantine = NULL
	WHERE w.message_id = ANY (ARRAY(SELECT f.id FROM fresh f WHERE f.live = 'unknown'
			AND f.nth = f.live_attempt
			AND f.id <> ALL (ARRAY(SELECT id FROM told WHERE again_at IS NOT NULL))))
		AND w.state = 'unknown'
	RETURNING w.message_id
)
@include receipt_notes
UNION ALL
SELECT ord::integer, CASE WHEN again_at IS NULL THEN 'failed' ELSE 'again' END, id, nth, tenant_id
FROM told
