-- partitions: makes the partitions of the months to come.
-- Parameters: none.  Result: one row, how many were made.  Locks: see partitions_ahead.
SELECT message_sender.partitions_ahead(3)
