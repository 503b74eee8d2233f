-- report_quota: what tenants with limits have used of them.
-- Parameters: $1 text tenant, null: all; $2, $3 not used; $4 integer rows at most.
-- Result: rows of report.quota, the fullest day first.  Locks: none.
SELECT q.tenant_id, q.day, q.daily, q.day_used, q.monthly, q.month_used, q.set_by, q.set_at
FROM report.quota q
WHERE ($1::text IS NULL OR q.tenant_id = $1::text) AND $2::timestamptz IS NULL
	AND $3::timestamptz IS NULL
ORDER BY q.day_used::numeric / nullif(q.daily, 0) DESC NULLS LAST, q.tenant_id LIMIT $4::integer
