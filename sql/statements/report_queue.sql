-- report_queue: what is left to do now, by tenant, priority and state.
-- Parameters: $1 text tenant, null: all; $2, $3 not used; $4 integer rows at most.
-- Result: rows of report.queue, the oldest first.  Reads all of work.  Locks: none.
SELECT q.tenant_id, q.priority, q.state, q.messages, q.attempts_under_way, q.overdue,
	q.oldest_accepted_at, q.oldest_seconds
FROM report.queue q
WHERE ($1::text IS NULL OR q.tenant_id = $1::text) AND $2::timestamptz IS NULL
	AND $3::timestamptz IS NULL
ORDER BY q.oldest_accepted_at, q.tenant_id LIMIT $4::integer
