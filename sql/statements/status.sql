-- status: a message's status, by its id.
-- Parameters: $1 uuid message id; $2 text tenant that asks, null: whoever knows the id; $3 text its
--   outlets, divided by spaces, "": all.
-- Result: no row, or one.  Index: primary keys.  Locks: none.
SELECT state, wamid, sent_at, delivered_at, read_at, failure_code, attempts, failure_reason
FROM message_sender.message_status($1::uuid)
WHERE message_sender.message_seen($1::uuid, $2::text, $3::text)
