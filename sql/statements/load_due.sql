-- load_due: scheduled work of some lanes that is due, or will be shortly.  It waits to be sent from
-- now on, when it is due.
-- Parameters: $1 smallint[] lanes; $2 timestamptz due until; $3 integer at most so many rows;
--   $4 the host's time now.
-- Result: as load, in order of due_at.
-- Each lane gives at most $3 rows.  Where the condition is the state, not wait, the index of
-- scheduled work is of no use, and the primary key is taken.
-- Indexes: work_scheduled; primary keys.  Locks: the rows of work, in order of their keys.
WITH due AS MATERIALIZED (
	SELECT w.message_id FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		SELECT w.message_id, w.due_at FROM message_sender.work w
		WHERE w.lane = l.lane AND w.wait = 5
			AND w.due_at <= statement_timestamp() + ($2::timestamptz - $4::timestamptz)
		ORDER BY w.due_at LIMIT $3::integer
	) AS w
	ORDER BY w.due_at LIMIT $3::integer
), locked AS MATERIALIZED (
	SELECT w.message_id FROM message_sender.work w
	WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM due))
		AND w.state IN ('scheduled', 'retrying') AND NOT w.attempt_open
	ORDER BY w.message_id FOR UPDATE
), moved AS (
	UPDATE message_sender.work w
	SET wait = 0, state = CASE w.state WHEN 'scheduled' THEN 'queued' ELSE w.state END
	FROM locked k
	WHERE w.message_id = k.message_id
		AND w.message_id = ANY (ARRAY(SELECT message_id FROM locked))
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
ORDER BY w.due_at
