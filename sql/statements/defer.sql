-- defer: work waits without an attempt, is held, or ends without one.
-- Parameters: $1 uuid[] message ids, sorted; $2 boolean[] failed; $3 timestamptz[] due;
--   $4 integer[] failure code; $5 text[] reason; $6, $7 least and greatest id, for pruning;
--   $8 the host's time now; $9 integer[] the hold; null: none; $10 smallint[] the last attempt;
--   $11 boolean[] no load finds it before it is due.
-- Result: one row, bigint[]: positions (from 1) of those that now wait, are held, or have ended;
--   null: none.  Nothing happens unless that attempt is still the last one, its outcome is recorded
--   and more is to follow: what another owner did meanwhile is not undone, and a lost reply stays.
-- What has ended with this very code did so in an earlier try of this batch.
-- What waits has one row of wait for each reason, however often it is put off; what is held has
-- none, as its hold tells.
-- Indexes: primary keys.  Locks: the rows of work, wait and message.
WITH input AS MATERIALIZED (
	SELECT u.* FROM unnest($1::uuid[], $2::boolean[], $3::timestamptz[], $4::integer[],
		$5::text[], $9::integer[], $10::smallint[], $11::boolean[]) WITH ORDINALITY
		AS u (message_id, failed, due_at, failure_code, reason, hold, attempt, later, ord)
), moved AS (
	UPDATE message_sender.work w
	SET state = CASE WHEN i.hold IS NULL THEN 'retrying' ELSE 'held' END,
		wait = CASE WHEN i.hold IS NOT NULL THEN 3 WHEN i.later THEN 5 ELSE 0 END,
		hold = i.hold,
		due_at = statement_timestamp() + (i.due_at - $8::timestamptz)
	FROM input i
	WHERE w.message_id = i.message_id AND NOT i.failed AND w.message_id = ANY ($1::uuid[])
		AND w.attempt = i.attempt AND NOT w.attempt_open AND w.state IN ('queued', 'retrying')
	RETURNING i.*, w.due_at AS until
), noted AS (
	INSERT INTO message_sender.wait (message_id, attempt, code, since, until, reason)
	SELECT message_id, attempt, coalesce(failure_code, 0), statement_timestamp(), until,
		coalesce(reason, '')
	FROM moved WHERE hold IS NULL ORDER BY message_id
	ON CONFLICT (message_id, attempt, code) DO UPDATE
	SET until = excluded.until, reason = excluded.reason
), gone AS (
	DELETE FROM message_sender.work w
	USING input i
	WHERE w.message_id = i.message_id AND i.failed AND w.message_id = ANY ($1::uuid[])
		AND w.attempt = i.attempt AND NOT w.attempt_open AND w.state IN ('queued', 'retrying')
	RETURNING i.*
), told AS (
	UPDATE message_sender.message m
	SET state = CASE WHEN g.failure_code = -12 AND m.valid_until IS NOT NULL AND m.sent_at IS NULL
			THEN 'expired' ELSE 'failed' END, failed_at = $8::timestamptz, failure_code = g.failure_code,
		failure_reason = g.reason
	FROM gone g
	WHERE m.message_id = g.message_id AND m.message_id = ANY ($1::uuid[])
		AND m.message_id BETWEEN $6::uuid AND $7::uuid
		AND m.state IN ('queued', 'scheduled', 'sending', 'retrying', 'unknown')
), earlier AS (
	SELECT i.ord
	FROM input i
	JOIN message_sender.message m ON m.message_id = i.message_id
		AND m.message_id = ANY (ARRAY(SELECT message_id FROM input WHERE failed))
		AND m.message_id BETWEEN $6::uuid AND $7::uuid
	WHERE m.state IN ('failed', 'expired') AND m.failure_code IS NOT DISTINCT FROM i.failure_code
		AND NOT EXISTS (SELECT FROM message_sender.work w
			WHERE w.message_id = i.message_id AND w.message_id = ANY ($1::uuid[]))
)
SELECT array_agg(ord) FROM (SELECT ord FROM moved UNION ALL SELECT ord FROM gone
	UNION ALL SELECT ord FROM earlier) AS done
