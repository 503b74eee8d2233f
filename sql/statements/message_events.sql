-- message_events: what happened to one message, by its id.
-- Parameters: $1 uuid message id; $2 text tenant, $3 text outlets, as status.
-- Result: no row, or one: the document (JSON).
-- Indexes: primary keys.  Locks: none.
SELECT e.document FROM message_sender.message_timeline($1::uuid) AS e (document)
WHERE e.document IS NOT NULL
	AND message_sender.message_seen($1::uuid, $2::text, $3::text)
