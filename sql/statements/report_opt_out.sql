-- report_opt_out: who wants no marketing messages.
-- Parameters: $1 text tenant, null: all; $2, $3 not used; $4 integer rows at most.
-- Result: rows of report.opt_out, the latest first.  Locks: none.
SELECT o.tenant_id, o.number, o.person, o.stopped, o.at, o.category, o.source
FROM report.opt_out o
WHERE ($1::text IS NULL OR o.tenant_id = $1::text) AND $2::timestamptz IS NULL
	AND $3::timestamptz IS NULL
ORDER BY o.at DESC, o.number, o.person LIMIT $4::integer
