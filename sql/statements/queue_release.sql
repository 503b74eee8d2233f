-- queue_release: work may go on after a restore, once queue_mark has nothing left to do.
-- Parameters: $1 text who; $2 text why.
-- Result: one row: how many messages are unknown; -1: some are still to be marked, and nothing
--   has changed; null: nothing was held.
-- Reads all of work.  Locks: the beacon and the hold.
SELECT message_sender.release_lanes($1::text, $2::text)
