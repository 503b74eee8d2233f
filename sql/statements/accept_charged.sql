-- accept_charged: accept_keyed for a batch with messages of tenants of our own tables: each takes
-- its part of its tenant's quota, if that has one.
-- Parameters: $1..$31 as accept_keyed; $32 boolean: some may be there already.
-- Result: one row: bigint[], the seq of each message, in the order of the input; -1: its key is
--   another message's; -3, -4: beyond the daily, the monthly quota; of these nothing was stored.
-- The quota comes first, as who is refused takes no key; what a key refuses all the same is given
-- back.
-- Indexes: primary keys.  Locks: the rows of quota, in order of tenants; as accept_keyed.
WITH asked AS MATERIALIZED (
	SELECT u.*, nextval('message_sender.work_seq') AS seq
	FROM unnest(
@include accept_arrays
		, $27::text[], $28::bytea[], $29::integer[], $30::smallint[], $31::text[]
	) AS u (
@include accept_columns
		, key, fingerprint, runs_ms, answer_status, answer_body
	)
), judged AS MATERIALIZED (
	SELECT * FROM message_sender.quota_take($1::uuid[], $2::text[], $16::text[],
		$27::text[], $32::boolean)
), input AS MATERIALIZED (
	SELECT a.*, j.charged_on
	FROM asked a LEFT JOIN judged j ON j.message_id = a.message_id
	WHERE coalesce(j.over, 0) = 0
), taken AS (
@include accept_key
), admitted AS MATERIALIZED (
	SELECT i.*, (i.key IS NULL OR i.message_id IN (SELECT message_id FROM taken)) IS TRUE AS ours
	FROM input i
), stored AS (
@include accept_message_charged
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
		ELSE -2 - (SELECT j.over FROM judged j WHERE j.message_id = a.message_id) END ORDER BY a.seq),
	(SELECT message_sender.quota_return(array_agg(g.tenant_id)) FROM admitted g
		WHERE g.charged_on IS NOT NULL AND NOT g.ours)
FROM asked a LEFT JOIN (SELECT message_id, ours FROM admitted) AS d USING (message_id)
