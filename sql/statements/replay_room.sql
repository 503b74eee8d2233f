-- replay_room: is there room for a replay?
-- Parameters: $1 text tenant, null: any; $2 bigint MAX_BACKLOG; $3 bigint MAX_BACKLOG_PER_TENANT.
-- Result: no row: there is; else what is full: tenant (null: the whole), messages that wait.
-- Reads all of work.  Locks: none.
SELECT w.tenant_id, count(*)
FROM message_sender.work w
GROUP BY GROUPING SETS ((), (w.tenant_id))
HAVING CASE WHEN grouping(w.tenant_id) = 1 THEN count(*) >= $2::bigint
	ELSE count(*) >= $3::bigint AND ($1::text IS NULL OR w.tenant_id = $1::text) END
ORDER BY 1 NULLS FIRST LIMIT 1
