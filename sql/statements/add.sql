-- add: messages of bulk calls, as far as they are not there yet.
-- Parameters: $1..$31 as accept_keyed.
-- Result: one row, bigint[], in the order of the input: the seq of each message (of one that is
--   there already, whatever became of its batch, a number without meaning); -1: its key is another
--   message's; -2: its batch was cancelled; of both nothing was stored.
-- A share of the batch's lock, so that who cancels it sees what is added before, and what comes
-- after it sees that it is cancelled.
-- Indexes: primary keys.  Locks: the rows of batch; the new rows; keys that others have.
WITH asked AS MATERIALIZED (
	SELECT u.*, nextval('message_sender.work_seq') AS seq
	FROM unnest(
@include accept_arrays
		, $27::text[], $28::bytea[], $29::integer[], $30::smallint[], $31::text[]
	) AS u (
@include accept_columns
		, key, fingerprint, runs_ms, answer_status, answer_body
	)
), batches AS MATERIALIZED (
	SELECT b.batch_id FROM message_sender.batch b
	WHERE b.batch_id = ANY ($24::uuid[]) AND b.cancelled_at IS NULL
	ORDER BY b.batch_id FOR SHARE
), input AS MATERIALIZED (
	SELECT * FROM asked WHERE batch_id IN (SELECT batch_id FROM batches)
), taken AS (
@include accept_key
), admitted AS MATERIALIZED (
	SELECT i.*, (i.key IS NULL OR i.message_id IN (SELECT message_id FROM taken)) IS TRUE AS ours
	FROM input i
), stored AS (
@include accept_message
	FROM admitted WHERE ours ORDER BY message_id
	ON CONFLICT DO NOTHING
	RETURNING message_id
), queued AS (
@include accept_work
	FROM admitted
	WHERE state IN ('queued', 'scheduled') AND (message_id IN (SELECT message_id FROM stored)) IS TRUE
	ORDER BY message_id
)
SELECT array_agg(CASE WHEN d.ours THEN a.seq WHEN NOT d.ours THEN -1
	WHEN (SELECT true FROM message_sender.message m
		WHERE m.message_id = a.message_id AND m.batch_id = a.batch_id) THEN a.seq
	ELSE -2 END ORDER BY a.seq)
FROM asked a LEFT JOIN (SELECT message_id, ours FROM admitted) AS d USING (message_id)
