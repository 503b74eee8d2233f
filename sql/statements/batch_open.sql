-- batch_open: bulk calls begin, or are taken up again.
-- Parameters: $1 uuid[] batch ids, sorted; $2 text[] tenant; $3 integer[] how many messages they
--   ask for; $4 text[] key, null for none; $5 bytea[] fingerprint; $6 integer[] how long the
--   request may be under way, ms.
-- Result: one row, bigint[], in the order of the input: 0, or -1: its key is another request's,
--   and nothing was stored of it.
-- As accept_keyed: the key comes first, and what is there already with this very id is ours.
-- Indexes: primary keys.  Locks: the new rows; keys that others have.
WITH input AS MATERIALIZED (
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::bytea[],
		$6::integer[]) WITH ORDINALITY
		AS u (batch_id, tenant_id, messages, key, fingerprint, runs_ms, ord)
), taken AS (
	INSERT INTO message_sender.idempotency_key AS k (tenant_id, key, fingerprint, message_id,
		created_at, runs_until, expires_at)
	SELECT DISTINCT ON (tenant_id, key) tenant_id, key, fingerprint, batch_id,
		statement_timestamp(), statement_timestamp() + runs_ms * interval '1 millisecond',
		statement_timestamp() + interval '7 days'
	FROM input WHERE key IS NOT NULL ORDER BY tenant_id, key, ord
	ON CONFLICT (tenant_id, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, message_id = excluded.message_id,
		created_at = excluded.created_at, runs_until = excluded.runs_until,
		expires_at = excluded.expires_at,
		answer_status = CASE WHEN k.message_id = excluded.message_id THEN k.answer_status END,
		answer_body = CASE WHEN k.message_id = excluded.message_id THEN k.answer_body END
	WHERE k.message_id = excluded.message_id OR k.expires_at <= statement_timestamp()
	RETURNING k.message_id
), admitted AS MATERIALIZED (
	SELECT i.*, (i.key IS NULL OR i.batch_id IN (SELECT message_id FROM taken)) IS TRUE AS ours
	FROM input i
), opened AS (
	INSERT INTO message_sender.batch (batch_id, tenant_id, messages, opened_at)
	SELECT batch_id, tenant_id, messages, statement_timestamp()
	FROM admitted WHERE ours ORDER BY batch_id
	ON CONFLICT DO NOTHING
)
SELECT array_agg(CASE WHEN ours THEN 0 ELSE -1 END::bigint ORDER BY ord) FROM admitted
