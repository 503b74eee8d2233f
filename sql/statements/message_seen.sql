-- message_seen: does a tenant see this message?
-- Parameters: $1 uuid message id; $2 text tenant, $3 text outlets, as status.
-- Result: a row, if so.  Index: message's primary key.  Locks: none.
SELECT true WHERE message_sender.message_seen($1::uuid, $2::text, $3::text)
