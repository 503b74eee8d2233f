-- maintain_drop: drops the oldest month that ended more than so many days ago.
-- Parameters: $1 integer days.  Result: one row, the month (2026-08), null: there was none.
-- Locks: ACCESS EXCLUSIVE on the histories, for as long as their unfinished rows are moved.
SELECT message_sender.partitions_drop($1::integer)
