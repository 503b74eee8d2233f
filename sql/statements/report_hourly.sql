-- report_hourly: the same by hour (UTC).
-- Parameters: $1 text tenant, null: all; $2, $3 timestamptz since and until, null: 2 days ago,
--   now; $4 integer rows at most.
-- Result: rows of report.hourly, the newest first.  Reads roll-ups only.  Locks: none.
SELECT h.tenant_id, h.hour, h.outlet_id, h.message_type, h.template, h.accepted, h.sent, h.delivered,
	h.read, h.failed, h.expired, h.cancelled, h.waiting, h.unknown
FROM report.hourly h
WHERE ($1::text IS NULL OR h.tenant_id = $1::text)
	AND h.hour >= coalesce($2::timestamptz, now() - interval '2 days')
	AND h.hour <= coalesce($3::timestamptz, 'infinity')
ORDER BY h.hour DESC, h.tenant_id, h.outlet_id, h.message_type, h.template LIMIT $4::integer
