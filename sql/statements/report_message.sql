-- report_message: messages with their current status.
-- Parameters: $1 text tenant, null: all; $2, $3 timestamptz accepted since and until, null: a day
--   ago, now; $4 integer rows at most.
-- Result: rows of report.message, the newest first.  Locks: none.
SELECT m.message_id, m.tenant_id, m.outlet_id, m.recipient, m.message_type, m.status, m.state_detail,
	m.attempts, m.accepted_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at,
	m.failure_code, m.failure_reason
FROM report.message m
WHERE ($1::text IS NULL OR m.tenant_id = $1::text)
	AND m.message_id >= report.id_from(coalesce($2::timestamptz, now() - interval '1 day'))
	AND m.message_id <= report.id_from(coalesce($3::timestamptz, now() + interval '1 hour'))
ORDER BY m.message_id DESC LIMIT $4::integer
