-- maintain_prune: deletes from the default partitions what is that old and has ended.
-- Parameters: $1 integer days, $2 integer rows at most of each.  Result: one row, how many.
-- Locks: the rows.
SELECT message_sender.history_prune($1::integer, $2::integer)
