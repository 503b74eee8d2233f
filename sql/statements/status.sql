-- status: a message's status, by its id alone.
-- Parameters: $1 uuid message id.
-- Result: no row, or one.  Index: primary keys.  Locks: none.
SELECT state, wamid, sent_at, delivered_at, read_at, failure_code, attempts, failure_reason
FROM message_sender.message_status($1::uuid)
