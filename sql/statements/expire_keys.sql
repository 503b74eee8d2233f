-- expire_keys: takes out keys that have expired, at most 1000.
-- Parameters: none.  Result: one row, how many.
-- Ids grow with time, so the oldest keys are at the beginning of the index; a key never lives
-- longer than 7 days after its message's id was made, but for a host's clock.
-- Index: idempotency_key_message.  Locks: the rows; skips those that others hold.
WITH gone AS (
	DELETE FROM message_sender.idempotency_key k
	WHERE k.message_id = ANY (ARRAY(
		SELECT e.message_id FROM message_sender.idempotency_key e
		WHERE e.message_id < message_sender.id_floor(statement_timestamp() - interval '7 days')
			AND e.expires_at <= statement_timestamp()
		ORDER BY e.message_id LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING 1
)
SELECT count(*) FROM gone
