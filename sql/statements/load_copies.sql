-- load_copies: work of some lanes whose messages were sent and are to be stored in the
-- Conversation Service, in order of due_at.
-- Parameters: $1 smallint[] lanes; $2 timestamptz due until; $3 integer at most so many rows;
--   $4 the host's time now.
-- Result: one row a message, columns as load.c reads them; the same as those of load.
-- Each lane gives at most $3 rows, so the sort is bounded however long the backlog is.
-- Indexes: work_to_copy; message's primary key.  Locks: none.
SELECT
@include load_columns
	false AS gone
FROM (
	SELECT w.* FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		SELECT w.* FROM message_sender.work w
		WHERE w.lane = l.lane AND w.wait = 1
			AND w.due_at <= statement_timestamp() + ($2::timestamptz - $4::timestamptz)
		ORDER BY w.due_at LIMIT $3::integer
	) AS w
	ORDER BY w.due_at LIMIT $3::integer
) AS w
CROSS JOIN LATERAL (
	SELECT m.* FROM message_sender.message m
	WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id
	OFFSET 0
) AS m
ORDER BY w.due_at
