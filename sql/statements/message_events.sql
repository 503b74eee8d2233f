-- message_events: what happened to one message, by its id alone.
-- Parameters: $1 uuid message id.
-- Result: no row, or one: the document (JSON).
-- Indexes: primary keys.  Locks: none.
SELECT e.document FROM message_sender.message_timeline($1::uuid) AS e (document)
WHERE e.document IS NOT NULL
