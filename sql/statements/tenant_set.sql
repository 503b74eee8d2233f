-- tenant_set: a tenant gets its own policy for lost replies, or (policy null) that of the service
-- again.  tenant_due follows.
-- Parameters: $1 text tenant; $2 text policy; $3 integer quarantine, s, null: the service's;
--   $4 text who; $5 text why.
-- Result: one row: how many policies were set or taken back.
-- Indexes: primary key.  Locks: the row.
WITH given AS (
	INSERT INTO message_sender.tenant_policy (tenant_id, unknown_policy, quarantine_seconds,
		set_by, set_at, why)
	SELECT $1::text, $2::text, $3::integer, $4::text, statement_timestamp(), $5::text
	WHERE $2::text IS NOT NULL
	ON CONFLICT (tenant_id) DO UPDATE
	SET unknown_policy = excluded.unknown_policy,
		quarantine_seconds = excluded.quarantine_seconds, set_by = excluded.set_by,
		set_at = excluded.set_at, why = excluded.why
	RETURNING tenant_id
), taken AS (
	DELETE FROM message_sender.tenant_policy
	WHERE tenant_id = $1::text AND $2::text IS NULL
	RETURNING tenant_id
)
SELECT (SELECT count(*) FROM given) + (SELECT count(*) FROM taken)
