-- report_failure: messages that failed, by tenant, day, outlet and code.
-- Parameters, result: as report_daily, of report.failure, the most frequent of a day first.
SELECT f.tenant_id, f.day, f.outlet_id, f.code, f.failed, f.reason
FROM report.failure f
WHERE ($1::text IS NULL OR f.tenant_id = $1::text)
	AND f.day >= coalesce($2::timestamptz, now() - interval '30 days')::date
	AND f.day <= coalesce($3::timestamptz, now() + interval '1 day')::date
ORDER BY f.day DESC, f.tenant_id, f.failed DESC, f.outlet_id, f.code LIMIT $4::integer
