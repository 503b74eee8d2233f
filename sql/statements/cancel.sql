-- cancel: messages whose callers were told that they may not have been taken.
-- Parameters: $1 uuid[] message ids, sorted; $2 boolean[] attempt 1 was begun together with
--   the acceptance (its call was never made); $3 uuid incarnation; $4, $5 least and greatest
--   id, for pruning; $6 time.
-- Result: none.  Nothing happens to a message that another attempt has begun for.
-- Indexes: primary keys.  Locks: the rows of work and message.
WITH gone AS (
	DELETE FROM message_sender.work w
	USING unnest($1::uuid[], $2::boolean[]) AS u (message_id, begun)
	WHERE w.message_id = u.message_id AND w.message_id = ANY ($1::uuid[])
		AND (w.attempt = 0
			OR (u.begun AND w.attempt = 1 AND w.attempt_open AND w.incarnation = $3::uuid))
	RETURNING w.message_id
)
UPDATE message_sender.message m
SET state = 'cancelled', failed_at = $6::timestamptz,
	failure_reason = 'cancelled: the caller was told that it may not have been taken'
FROM gone g
WHERE m.message_id = g.message_id AND m.message_id = ANY ($1::uuid[])
	AND m.message_id BETWEEN $4::uuid AND $5::uuid
	AND m.state IN ('queued', 'scheduled')
