-- accept_seq: the order of messages of which accept_again made sure.
-- Parameters: $1 uuid[] message ids; $2 uuid incarnation.
-- Result: one row, bigint[]: the seq of each, in the order of the input, negative when no
--   attempt of this incarnation is open; 0: no work left.
-- A statement of its own because its snapshot must see what accept_again waited for.
-- Index: work's primary key.  Locks: none.
SELECT array_agg(coalesce((SELECT CASE WHEN w.attempt_open AND w.incarnation = $2::uuid
		THEN w.seq ELSE -w.seq END FROM message_sender.work w
	WHERE w.message_id = u.message_id), 0) ORDER BY u.ord)
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (message_id, ord)
