-- batch_status: how the messages of a bulk call stand, by its id.
-- Parameters: $1 uuid batch id; $2 text tenant, $3 text outlets, as status.
-- Result: no row, or one: the document (JSON).
-- Indexes: primary keys.  Locks: none.
SELECT body FROM message_sender.batch_status($1::uuid) AS s (body) WHERE body IS NOT NULL
	AND message_sender.batch_seen($1::uuid, $2::text, $3::text)
