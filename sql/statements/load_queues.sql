-- load_queues: work of some queues that is to be sent, with its messages, in order of seq in each.
-- Parameters, arrays of as many elements, at least one: $1 smallint[] lanes; $2 bigint[] queues;
--   $3, $4 bigint[] above this seq, and not above this one; $5, $6 timestamptz[] due after
--   (null: whenever), and until; $7 integer[] at most so many rows; then $8 the host's time now.
-- Result: one row a message, columns as load.c reads them; load_copies and others have the same.
-- What is not due is passed over in the index.
-- Indexes: work_to_send; message's and incarnation's primary key.  Locks: none.
SELECT
@include load_columns
	w.attempt_open AND coalesce((SELECT i.gone FROM message_sender.incarnation i
		WHERE i.id = w.incarnation), false) AS gone
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
	$6::timestamptz[], $7::integer[])
	AS q (lane, queue, above, last, due_after, due_until, most)
CROSS JOIN LATERAL (
	SELECT w.lane, w.queue, w.seq FROM message_sender.work w
	WHERE w.wait = 0 AND w.lane = q.lane AND w.queue = q.queue
		AND w.seq > q.above AND w.seq <= q.last
		AND w.due_at <= statement_timestamp() + (q.due_until - $8::timestamptz)
		AND w.due_at > coalesce(statement_timestamp() + (q.due_after - $8::timestamptz),
			'-infinity')
	ORDER BY w.seq LIMIT q.most
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
ORDER BY w.queue, w.seq
