-- report_number: what webhooks told of our numbers.
-- Parameters: $1 text tenant: must be null, as numbers are not tenants'; $2, $3 not used; $4 integer
--   rows at most.
-- Result: rows of report.number.  Locks: none.
SELECT n.number, n.display, n.account, n.rate, n.rate_at, n.event, n.event_limit, n.event_at
FROM report.number n
WHERE $1::text IS NULL AND $2::timestamptz IS NULL AND $3::timestamptz IS NULL
ORDER BY n.number, n.display LIMIT $4::integer
