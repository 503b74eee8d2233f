-- failures: what Meta reports as failed: each event once, with all it does.
-- Parameters: $1..$16 as receipts; $17 text[] why, for people; $18 integer[] the least wait before it is
--   sent again, ms, null: it is not (empty: none is); $19 integer validity of messages whose callers gave
--   none, s; $20 integer[] the waits, ms, after the first attempt that counts, the second and so on: as
--   many as are allowed; $21 integer[] codes of refusals that do not count.
-- Result: as receipts; besides what `again` and `failed`, also with message id, attempt, tenant.
-- Only what was not there before does anything, of the last attempt only, while nothing better than
-- sent is known and the message does not wait for another attempt already: then it has failed, or
-- waits for another one, with a decision, if attempts are left and it is valid then, and its batch
-- was not cancelled.  What is unknown and not sent again is settled by its owner, as the attempt was
-- taken (docs/decisions/0013).
-- What may be sent again is parked while its attempt is under way, so that the outcome is recorded
-- first, and while its message is known by a wamid only, so that its work is locked first.
-- Indexes: primary keys, attempt_wamid.  Locks: work (held since receipts_lock), message; new rows.
WITH parked AS MATERIALIZED (
	SELECT u.ord
	FROM unnest($1::uuid[], $2::smallint[], $18::integer[])
		WITH ORDINALITY AS u (message_id, attempt, again, ord)
	WHERE u.again IS NOT NULL AND (u.message_id IS NULL
		OR (SELECT w.attempt_open AND w.attempt = u.attempt FROM message_sender.work w
			WHERE w.message_id = u.message_id))
),
@include receipt_found
, why AS MATERIALIZED (
	SELECT u.*
	FROM unnest($17::text[], $18::integer[]) WITH ORDINALITY AS u (reason, again, ord)
), news AS MATERIALIZED (
	SELECT DISTINCT ON (f.id) f.*, y.reason, c.counted, e.expires_at,
		CASE WHEN c.counted <= cardinality($20::integer[]) AND a.at < e.expires_at
			THEN a.at END AS again_at
	FROM fresh f
	JOIN why y ON y.ord = f.ord
	CROSS JOIN LATERAL (SELECT CASE WHEN y.again IS NOT NULL AND f.live_open IS NOT TRUE
			AND (SELECT b.cancelled_at FROM message_sender.batch b
				WHERE b.batch_id = f.batch_id) IS NULL
		THEN (SELECT greatest(count(*), 1)::integer FROM message_sender.attempt t
			WHERE t.message_id = f.id AND t.attempt <= f.nth
				AND (t.outcome IN ('accepted', 'lost') OR t.code <> ALL ($21::integer[])))
		END AS counted) AS c
	CROSS JOIN LATERAL (SELECT statement_timestamp() + interval '1 millisecond'
		* (greatest(y.again, ($20::integer[])[c.counted]) * (1 + random() / 10)) AS at) AS a
	CROSS JOIN LATERAL (SELECT coalesce(f.valid_until, f.asked_at + $19::integer
		* interval '1 second') AS expires_at) AS e
	WHERE f.nth = greatest(f.attempts, f.live_attempt)
		AND (f.live IS NULL OR f.live_open OR f.live IN ('unknown', 'sent'))
	ORDER BY f.id, f.at, f.ord
), told AS MATERIALIZED (
	UPDATE message_sender.message m
	SET state = CASE WHEN n.again_at IS NULL THEN 'failed' ELSE 'retrying' END,
		wamid = CASE WHEN m.state = 'retrying' THEN n.wamid ELSE coalesce(m.wamid, n.wamid) END,
		sent_at = coalesce(m.sent_at, n.at),
		failed_at = CASE WHEN n.again_at IS NULL THEN n.at END,
		failure_code = CASE WHEN n.again_at IS NULL THEN n.code END,
		failure_reason = CASE WHEN n.again_at IS NULL THEN n.reason END
	FROM news n
	WHERE m.message_id = n.id AND m.message_id = ANY (ARRAY(SELECT id FROM news))
		AND m.message_id >= (SELECT id FROM news ORDER BY id LIMIT 1)
		AND m.message_id <= (SELECT id FROM news ORDER BY id DESC LIMIT 1)
		AND m.state IN ('queued', 'sending', 'retrying', 'unknown', 'sent')
		-- Another event of the same attempt was there first.
		AND (m.state <> 'retrying' OR n.state = 'retrying')
	RETURNING n.*
), again AS (
	INSERT INTO message_sender.work AS w (message_id, tenant_id, lane, seq, state, caller_waits,
		attempt, attempt_open, counted, due_at, expires_at, number, class, queue, copied)
	SELECT id, tenant_id, message_sender.tenant_lane(tenant_id),
		nextval('message_sender.work_seq'), 'retrying', false, nth, false, counted, again_at,
		expires_at, own_number, class, message_sender.work_queue(tenant_id, outlet_id, class),
		live IS NULL
	FROM told WHERE again_at IS NOT NULL ORDER BY id
	ON CONFLICT (message_id) DO UPDATE
	SET state = 'retrying', wait = 0, caller_waits = false, counted = excluded.counted,
		throttled = 0, due_at = excluded.due_at, settle_policy = NULL, settle_quarantine = NULL
	WHERE NOT w.attempt_open AND w.attempt = excluded.attempt AND w.state IN ('unknown', 'sent')
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
