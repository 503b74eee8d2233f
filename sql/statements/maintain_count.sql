-- maintain_count: counts at most so many of them.
-- Parameters: $1 integer.  Result: one row, how many.  Index: message (tenant_id, message_id).
-- Locks: the row of rollup_state.
SELECT message_sender.rollup_count($1::integer)
