-- message_whole: one message, by its id.
-- Parameters: $1 uuid message id; $2 text tenant, $3 text outlets, as status.
-- Result: no row, or one: what callers see (JSON), payload (JSON), whether it failed, and
--   code and subcode of the failure.
-- Indexes: primary keys.  Locks: none.
SELECT message_sender.with_replay(body, $1::uuid), payload, failed, code, subcode
FROM message_sender.message_whole($1::uuid)
WHERE message_sender.message_seen($1::uuid, $2::text, $3::text)
