-- queue_release: work may go on after a restore.
-- Parameters: $1 text who; $2 text why.
-- Result: one row: how many messages are unknown; null: nothing was held.
-- Reads all of work.  Locks: the hold, and as mark_restored.
SELECT message_sender.release_lanes($1::text, $2::text)
