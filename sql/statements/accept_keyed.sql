-- accept_keyed: accept for a batch in which requests have an idempotency key; also repeated
-- after a loss, and for what its caller was told may not have been taken.
-- Parameters: $1..$26 as accept; $27 text[] key, null for none; $28 bytea[] fingerprint;
--   $29 integer[] how long the request may be under way, ms; $30 smallint[], $31 text[] status
--   and body of the answer, null when it comes later.
-- Result: one row, bigint[]: the seq of each message, in the order of the input; -1: its key
--   is another message's, and nothing was stored of it.
-- The key comes first: who has it is stored, whoever else names it is not.  ON CONFLICT waits
-- for a transaction that is still in doubt, and takes over what has expired.  A row that is
-- there already, with this very message, is ours: its answer stays.
-- Indexes: primary keys.  Locks: the new rows; keys that others have.
WITH input AS MATERIALIZED (
	SELECT u.*, nextval('message_sender.work_seq') AS seq
	FROM unnest(
@include accept_arrays
		, $27::text[], $28::bytea[], $29::integer[], $30::smallint[], $31::text[]
	) AS u (
@include accept_columns
		, key, fingerprint, runs_ms, answer_status, answer_body
	)
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
SELECT array_agg(CASE WHEN ours THEN seq ELSE -1 END) FROM admitted
