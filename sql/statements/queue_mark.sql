-- queue_mark: as mark_restored, but waits for another who does it, so the result is never -1.
-- Parameters: none.  Result: one row, how many.
-- Indexes, locks: as mark_restored.
SELECT message_sender.mark_restored(500)
FROM pg_advisory_xact_lock(hashtextextended('message_sender.mark_restored', 0))
