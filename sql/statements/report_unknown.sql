-- report_unknown: messages whose reply was lost and that are not settled.
-- Parameters: $1 text tenant, null: all; $2, $3 timestamptz lost since and until, null: ever; $4
--   integer rows at most.
-- Result: rows of report.unknown, the oldest first.  Reads all of work.  Locks: none.
SELECT u.message_id, u.tenant_id, u.outlet_id, u.recipient, u.number, u.attempt, u.begun_at,
	u.lost_at, u.policy, u.decides_at
FROM report.unknown u
WHERE ($1::text IS NULL OR u.tenant_id = $1::text)
	AND u.lost_at >= coalesce($2::timestamptz, '-infinity')
	AND u.lost_at <= coalesce($3::timestamptz, 'infinity')
ORDER BY u.message_id LIMIT $4::integer
