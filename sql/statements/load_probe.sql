-- load_probe: the first message of some lanes that a hold holds, to see whether it still must.
-- It waits to be sent again.
-- Parameters: $1 smallint[] lanes; $2 integer hold.
-- Result: at most one row, as load.
-- Indexes: work_held_by; primary keys.  Locks: the row of work.
WITH first AS MATERIALIZED (
	SELECT w.message_id FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		SELECT w.message_id, w.seq FROM message_sender.work w
		WHERE w.wait = 3 AND w.hold = $2::integer AND w.lane = l.lane
		ORDER BY w.seq LIMIT 1
	) AS w
	ORDER BY w.seq LIMIT 1
), moved AS (
	UPDATE message_sender.work w
	SET wait = 0, state = CASE WHEN w.attempt > 0 THEN 'retrying' ELSE 'queued' END, hold = NULL
	WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM first)) AND w.state = 'held'
	RETURNING w.*
)
SELECT
@include load_columns
	false AS gone
FROM moved AS w
CROSS JOIN LATERAL (
	SELECT m.* FROM message_sender.message m
	WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id
	OFFSET 0
) AS m
ORDER BY w.seq
