-- batch_seen: does a tenant see this batch?
-- Parameters: $1 uuid batch id; $2 text tenant, $3 text outlets, as status.
-- Result: a row, if so.  Indexes: primary keys.  Locks: none.
SELECT true WHERE message_sender.batch_seen($1::uuid, $2::text, $3::text)
