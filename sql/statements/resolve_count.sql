-- resolve_count: unknown messages by filter, before somebody decides about them.
-- Parameters: $1 text tenant, $2 text outlet, $3 text number, $4 integer code of what was lost
--   (null: any); $5, $6 timestamptz accepted since, until.
-- Result: a row a tenant and code, the most first, at most 1,000: tenant, code, messages, the
--   first ids.
-- Reads all of work.  Locks: none.
SELECT f.tenant_id, f.code, count(*),
	array_to_string((array_agg(f.message_id ORDER BY f.message_id))[1:3], ' ')
FROM message_sender.resolvable($1::text, $2::text, $3::text, $4::integer, $5::timestamptz,
	$6::timestamptz, NULL, NULL) AS f
GROUP BY f.tenant_id, f.code ORDER BY 3 DESC, 1, 2 LIMIT 1000
