-- batch_close: bulk calls of which every message is taken, or refused.
-- Parameters: $1 uuid[] batch ids, sorted; $2 integer[] accepted; $3 integer[] refused.
-- Result: none.  Who has closed it first is right: whoever else did the same.
-- Index: batch's primary key.  Locks: the rows of batch.
UPDATE message_sender.batch b
SET accepted = u.accepted, refused = u.refused, closed_at = statement_timestamp()
FROM unnest($1::uuid[], $2::integer[], $3::integer[]) AS u (batch_id, accepted, refused)
WHERE b.batch_id = u.batch_id AND b.batch_id = ANY ($1::uuid[]) AND b.closed_at IS NULL
