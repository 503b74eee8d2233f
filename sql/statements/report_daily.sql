-- report_daily: the funnel by tenant, day, outlet, type and template.
-- Parameters: $1 text tenant, null: all; $2, $3 timestamptz days since and until, null: 30 days
--   ago, today; $4 integer rows at most.
-- Result: rows of report.daily, the newest day first.  Reads roll-ups only.  Locks: none.
SELECT d.tenant_id, d.day, d.outlet_id, d.message_type, d.template, d.accepted, d.sent, d.delivered,
	d.read, d.failed, d.expired, d.cancelled, d.waiting, d.unknown
FROM report.daily d
WHERE ($1::text IS NULL OR d.tenant_id = $1::text)
	AND d.day >= coalesce($2::timestamptz, now() - interval '30 days')::date
	AND d.day <= coalesce($3::timestamptz, now() + interval '1 day')::date
ORDER BY d.day DESC, d.tenant_id, d.outlet_id, d.message_type, d.template LIMIT $4::integer
