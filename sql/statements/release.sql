-- release: messages with a key whose callers were told that they may not have been taken.
-- Parameters: $1 uuid[] message ids, sorted; $2 boolean[] attempt 1 was begun together with
--   the acceptance (its call was never made); $3 uuid incarnation.
-- Result: none.
-- accept_keyed made sure of them before.  They go on: an attempt that nobody makes is taken
-- back, and as nobody works on an answer any more, who comes again need not wait for one.
-- Indexes: work's primary key, idempotency_key_message.  Locks: the rows of both.
WITH freed AS (
	UPDATE message_sender.work w
	SET state = 'queued', attempt = 0, attempt_open = false, incarnation = NULL,
		begun_at = NULL, deadline_at = NULL
	FROM unnest($1::uuid[], $2::boolean[]) AS u (message_id, begun)
	WHERE w.message_id = u.message_id AND w.message_id = ANY ($1::uuid[])
		AND u.begun AND w.attempt = 1 AND w.attempt_open AND w.incarnation = $3::uuid
)
UPDATE message_sender.idempotency_key k
SET runs_until = statement_timestamp()
WHERE k.message_id = ANY ($1::uuid[]) AND k.answer_status IS NULL
