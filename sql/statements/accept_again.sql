-- accept_again: accept, repeated after a loss that left in doubt whether it was committed.
-- Parameters: as accept.
-- Result: none; accept_seq tells what there is.
-- A row that is there already is ours and stays as it is: ON CONFLICT waits for a
-- transaction that is still in doubt.  Work is added only for a message added here.
-- Indexes: primary keys.  Locks: the new rows; waits for rows in doubt.
WITH input AS MATERIALIZED (
	SELECT u.*, nextval('message_sender.work_seq') AS seq
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::smallint[],
		$12::boolean[], $13::smallint[], $14::text[], $15::timestamptz[], $16::text[],
		$17::integer[], $18::text[])
		AS u (message_id, tenant_id, outlet_id, conversation_id, recipient, message_type,
		payload, sender_type, accepted_at, expires_at, lane, caller_waits, attempt, number,
		deadline_at, state, failure_code, failure_reason)
), stored AS (
	INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, conversation_id,
		recipient, message_type, payload, sender_type, number, state, attempts, accepted_at,
		failed_at, failure_code, failure_reason)
	SELECT message_id, tenant_id, outlet_id, conversation_id, recipient, message_type, payload,
		sender_type, number, state, 0, accepted_at,
		CASE WHEN state <> 'queued' THEN accepted_at END, failure_code, failure_reason
	FROM input ORDER BY message_id
	ON CONFLICT DO NOTHING
	RETURNING message_id
)
INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
	attempt, attempt_open, incarnation, begun_at, deadline_at, due_at, expires_at, number)
SELECT message_id, tenant_id, lane, seq,
	CASE WHEN attempt > 0 THEN 'sending' ELSE 'queued' END, caller_waits,
	attempt, attempt > 0, CASE WHEN attempt > 0 THEN $19::uuid END,
	CASE WHEN attempt > 0 THEN $20::timestamptz END,
	statement_timestamp() + (deadline_at - $20::timestamptz),
	statement_timestamp() + (accepted_at - $20::timestamptz),
	statement_timestamp() + (expires_at - $20::timestamptz), number
FROM input
WHERE state = 'queued' AND (message_id IN (SELECT message_id FROM stored)) IS TRUE
ORDER BY message_id
