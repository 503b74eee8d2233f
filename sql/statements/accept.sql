-- accept: new messages and, unless they are not to be sent, their work.
-- Parameters: $1..$18 one array per column, in the order of the input; $19 incarnation,
--   for rows with attempt 1; $20 the host's time now, also that of the attempt's begin.
-- Result: one row, bigint[]: the seq of each message, in the order of the input.
-- due_at, deadline_at and expires_at are kept by the server's clock.
-- Ids are new, so a conflict is the row's own fault.  Up to the rows of message it is the
-- text of accept_again, as a test makes sure.  Indexes: primary keys.
-- Locks: the new rows.
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
), queued AS (
	INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
		attempt, attempt_open, incarnation, begun_at, deadline_at, due_at, expires_at, number)
	SELECT message_id, tenant_id, lane, seq,
		CASE WHEN attempt > 0 THEN 'sending' ELSE 'queued' END, caller_waits,
		attempt, attempt > 0, CASE WHEN attempt > 0 THEN $19::uuid END,
		CASE WHEN attempt > 0 THEN $20::timestamptz END,
		statement_timestamp() + (deadline_at - $20::timestamptz),
		statement_timestamp() + (accepted_at - $20::timestamptz),
		statement_timestamp() + (expires_at - $20::timestamptz), number
	FROM input WHERE state = 'queued' ORDER BY message_id
)
SELECT array_agg(seq) FROM input
