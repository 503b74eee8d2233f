-- batch_status: how the messages of a bulk call stand, by its id alone.
-- Parameters: $1 uuid batch id.
-- Result: no row, or one: the document (JSON).
-- Indexes: primary keys.  Locks: none.
SELECT body FROM message_sender.batch_status($1::uuid) AS s (body) WHERE body IS NOT NULL
