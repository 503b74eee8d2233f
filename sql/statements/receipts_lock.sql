-- receipts_lock: locks what is left to do for messages whose receipts are recorded next.
-- Parameters: $1 uuid[] message ids, by callback data; null: without.
-- Result: one row, how many there are.
-- As outcome_lock, so that the next statement sees what an outcome or a begin has committed; but
-- what is only to be copied is no receipt's concern.
-- Index: work's primary key.  Locks: the rows of work, in order of their keys.
SELECT count(*) FROM (
	SELECT FROM message_sender.work WHERE message_id = ANY ($1::uuid[]) AND state <> 'sent'
	ORDER BY message_id FOR UPDATE
) AS locked
