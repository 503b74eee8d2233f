-- accept_seq: the order of messages of which accept_again made sure.
-- Parameters: $1 uuid[] message ids.
-- Result: one row, bigint[]: the seq of each, in the order of the input; 0: no work left.
-- A statement of its own because its snapshot must see what accept_again waited for.
-- Index: work's primary key.  Locks: none.
SELECT array_agg(coalesce((SELECT w.seq FROM message_sender.work w
	WHERE w.message_id = u.message_id), 0) ORDER BY u.ord)
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (message_id, ord)
