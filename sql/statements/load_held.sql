-- load_held: held work of some lanes that is held no more, in order of seq: its hold was
-- released, or its validity is over.  It waits to be sent again.
-- Parameters: $1 smallint[] lanes; $2 integer at most so many rows.
-- Result: as load.
-- Each lane gives at most $2 rows.  Where the condition is the state, not wait, the index of
-- held work is of no use, and the primary key is taken.  Indexes: work_held, hold_current; primary keys.
-- Locks: the rows of work, in order of their keys.
WITH free AS MATERIALIZED (
	SELECT w.message_id FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		SELECT w.message_id, w.seq FROM message_sender.work w
		WHERE w.lane = l.lane AND w.wait = 3
			AND (w.expires_at <= statement_timestamp()
				OR w.hold NOT IN (SELECT h.id FROM message_sender.hold h
					WHERE h.released_at IS NULL))
		ORDER BY w.seq LIMIT $2::integer
	) AS w
	ORDER BY w.seq LIMIT $2::integer
), locked AS MATERIALIZED (
	SELECT w.message_id FROM message_sender.work w
	WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM free)) AND w.state = 'held'
	ORDER BY w.message_id FOR UPDATE
), moved AS (
	UPDATE message_sender.work w
	SET wait = 0, state = CASE WHEN w.attempt > 0 THEN 'retrying' ELSE 'queued' END, hold = NULL
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
ORDER BY w.seq
