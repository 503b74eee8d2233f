-- report_latency: how long messages took, by tenant, day and stage, in seconds.
-- Parameters, result: as report_daily, of report.latency.
SELECT l.tenant_id, l.day, l.stage, l.measured, round(l.p50::numeric, 3) AS p50,
	round(l.p95::numeric, 3) AS p95, round(l.p99::numeric, 3) AS p99,
	round(l.longest::numeric, 3) AS longest
FROM report.latency l
WHERE ($1::text IS NULL OR l.tenant_id = $1::text)
	AND l.day >= coalesce($2::timestamptz, now() - interval '30 days')::date
	AND l.day <= coalesce($3::timestamptz, now() + interval '1 day')::date
ORDER BY l.day DESC, l.tenant_id,
	array_position(ARRAY['wait', 'call', 'send', 'deliver', 'read'], l.stage) LIMIT $4::integer
