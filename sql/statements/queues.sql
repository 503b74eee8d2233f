-- queues: which queues of some lanes have work that is to be sent and due, in order of lane and queue.
-- Parameters: $1 smallint[] lanes, sorted; $2 bigint of the first of them only queues above this one;
--   $3 timestamptz due until; $4 integer at most so many rows; $5 the host's time now.
-- Result: a row a queue: lane, queue.
-- From queue to queue by the index, whatever the length of each (a loose index scan); of one whose
-- first rows are not due yet these are passed over in the index.
-- Index: work_to_send.  Locks: none.
SELECT l.lane, q.queue
FROM unnest($1::smallint[]) WITH ORDINALITY AS l (lane, ord)
CROSS JOIN LATERAL (
	WITH RECURSIVE step AS (
		(SELECT w.queue FROM message_sender.work w
		WHERE w.wait = 0 AND w.lane = l.lane
			AND w.queue > CASE WHEN l.ord = 1 THEN $2::bigint ELSE -1 END
		ORDER BY w.queue LIMIT 1)
		UNION ALL
		SELECT (SELECT w.queue FROM message_sender.work w
			WHERE w.wait = 0 AND w.lane = l.lane AND w.queue > s.queue
			ORDER BY w.queue LIMIT 1)
		FROM step s WHERE s.queue IS NOT NULL
	)
	SELECT s.queue FROM step s WHERE s.queue IS NOT NULL
	OFFSET 0
) AS q
CROSS JOIN LATERAL (
	SELECT FROM message_sender.work w
	WHERE w.wait = 0 AND w.lane = l.lane AND w.queue = q.queue
		AND w.due_at <= statement_timestamp() + ($3::timestamptz - $5::timestamptz)
	ORDER BY w.seq LIMIT 1
) AS due
LIMIT $4::integer
