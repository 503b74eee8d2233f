-- load: work of some lanes that is to be sent, in order of seq, with its messages.
-- Parameters: $1 smallint[] lanes; $2 bigint after this seq; $3 timestamptz due until;
--   $4 integer at most so many rows; $5 the host's time now.
-- Result: one row a message, columns as load.c reads them; load_copies has the same.
-- Each lane is walked through in the index, so its cost grows with the backlog; the sort keeps $4
-- rows of a lane.  What is not due yet is passed over in the index.
-- Indexes: work_to_send; message's and incarnation's primary key.  Locks: none.
SELECT
@include load_columns
	w.attempt_open AND coalesce((SELECT i.gone FROM message_sender.incarnation i
		WHERE i.id = w.incarnation), false) AS gone
FROM (
	SELECT d.lane, d.queue, d.seq FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		SELECT w.lane, w.queue, w.seq FROM message_sender.work w
		WHERE w.lane = l.lane AND w.wait = 0 AND w.seq > $2::bigint
			AND w.due_at <= statement_timestamp() + ($3::timestamptz - $5::timestamptz)
		ORDER BY w.seq LIMIT $4::integer
	) AS d
	ORDER BY d.seq LIMIT $4::integer
) AS d
CROSS JOIN LATERAL (
	SELECT w.* FROM message_sender.work w
	WHERE w.lane = d.lane AND w.queue = d.queue AND w.seq = d.seq AND w.wait = 0
	OFFSET 0
) AS w
CROSS JOIN LATERAL (
	SELECT m.* FROM message_sender.message m
	WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id
	OFFSET 0
) AS m
ORDER BY w.seq
