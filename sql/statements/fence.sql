-- fence: holds this incarnation against a takeover until the batch is committed.
-- Parameters: $1 uuid incarnation.
-- Result: one row, nothing; error MS001 when it is fenced.
-- Index: incarnation's primary key.  Locks: that row, FOR SHARE.
SELECT message_sender.hold_lease($1::uuid)
