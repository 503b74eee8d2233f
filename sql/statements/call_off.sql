-- call_off: callers cancel messages.
-- Parameters: $1 uuid[] message ids, sorted.
-- Result: none to be read; what came of it the messages' statuses tell.
-- Indexes: primary keys.  Locks: the rows of work and message.
SELECT FROM message_sender.call_off($1::uuid[], 'its caller cancelled it')
