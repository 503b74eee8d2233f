-- ring: a bell for a worker of another node.
-- Parameters: $1 text channel; $2 text what it says, at most 7,500 bytes.
-- Result: one row, nothing.  Locks: the notification queue, while it is committed.
SELECT pg_notify($1::text, $2::text)
