-- find_key: what became of the first request with a key.
-- Parameters: $1 text tenant; $2 text key.
-- Result: no row, or one.  Index: primary keys.  Locks: none.
SELECT message_id, fingerprint, answer_status, answer_body, running, state, wamid, sent_at,
	delivered_at, read_at, failure_code, attempts, failure_reason, seq
FROM message_sender.idempotency_answer($1::text, $2::text)
