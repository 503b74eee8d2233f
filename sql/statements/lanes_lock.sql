-- lanes_lock: the incarnations that a change of lanes is about, our own among them.
-- Parameters: $1 uuid[] incarnations.
-- Result: rows of nothing.
-- All in one order, so that two that fence each other do not wait for each other for ever.
-- Waits for batches that are beginning attempts.
-- Index: incarnation's primary key.  Locks: those rows.
SELECT FROM message_sender.incarnation WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
