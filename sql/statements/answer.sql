-- answer: how requests with a key are answered.  The first one written stays.
-- Parameters: $1 uuid[] message ids, sorted; $2 smallint[] status; $3 text[] body.
-- Result: one row, bigint[]: positions (from 1) of those written; null: none.
-- Index: idempotency_key_message.  Locks: the rows of idempotency_key.
WITH written AS (
	UPDATE message_sender.idempotency_key k
	SET answer_status = u.status, answer_body = u.body
	FROM unnest($1::uuid[], $2::smallint[], $3::text[]) WITH ORDINALITY
		AS u (message_id, status, body, ord)
	WHERE k.message_id = u.message_id AND k.message_id = ANY ($1::uuid[])
		AND (k.answer_status IS NULL OR (k.answer_status = u.status AND k.answer_body = u.body))
	RETURNING u.ord
)
SELECT array_agg(ord) FROM written
