-- mark_restored: makes messages unknown that were there when a restore was noticed, at most 500.
-- Parameters: none.  Result: one row, how many; -1: another worker does it.
-- Indexes: work_to_send, primary keys.  Locks: work, message, the new rows of attempt.
SELECT message_sender.mark_restored(500)
