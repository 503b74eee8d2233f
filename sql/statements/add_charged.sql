-- add_charged: add, with messages of tenants of our own tables, as accept_charged.
-- Parameters: $1..$31 as accept_keyed.
-- Result: one row: bigint[] as add; -3, -4: beyond the daily, the monthly quota.
-- What is there already is not charged anew, as a bulk call may be repeated.
-- Indexes: primary keys.  Locks: the rows of batch; of quota, in order of tenants; as accept_keyed.
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
), open AS MATERIALIZED (
	SELECT * FROM asked WHERE batch_id IN (SELECT batch_id FROM batches)
), judged AS MATERIALIZED (
	SELECT * FROM message_sender.quota_take(
		(SELECT array_agg(message_id ORDER BY seq) FROM open),
		(SELECT array_agg(tenant_id ORDER BY seq) FROM open),
		(SELECT array_agg(state ORDER BY seq) FROM open),
		(SELECT array_agg(key ORDER BY seq) FROM open), true)
), input AS MATERIALIZED (
	SELECT o.*, j.charged_on
	FROM open o LEFT JOIN judged j ON j.message_id = o.message_id
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
		WHEN (SELECT true FROM judged j WHERE j.message_id = a.message_id)
			THEN -2 - (SELECT j.over FROM judged j WHERE j.message_id = a.message_id)
		WHEN (SELECT true FROM message_sender.message m
			WHERE m.message_id = a.message_id AND m.batch_id = a.batch_id) THEN a.seq
		ELSE -2 END ORDER BY a.seq),
	(SELECT message_sender.quota_return(array_agg(g.tenant_id)) FROM admitted g
		WHERE g.charged_on IS NOT NULL AND NOT g.ours)
FROM asked a LEFT JOIN (SELECT message_id, ours FROM admitted) AS d USING (message_id)
