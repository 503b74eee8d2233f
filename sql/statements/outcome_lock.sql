-- outcome_lock: locks the work of messages whose outcomes are recorded next.
-- Parameters: $1 uuid[] message ids.
-- Result: one row, how many there are.
-- Whoever begins an attempt or records an outcome locks the work row first; a statement of
-- its own, so that the next one's snapshot sees all that was committed before.
-- Index: work's primary key.  Locks: the rows of work, in order of their keys.
SELECT count(*) FROM (
	SELECT FROM message_sender.work WHERE message_id = ANY ($1::uuid[])
	ORDER BY message_id FOR UPDATE
) AS locked
