-- partitions: makes the partitions of the months and days to come, drops days that are past keeping.
-- Parameters: $1 integer days for which webhooks are kept.  Result: one row, how many were made or
--   dropped.
-- Locks: see partitions_ahead, webhook_days.
SELECT message_sender.keep_partitions($1::integer)
