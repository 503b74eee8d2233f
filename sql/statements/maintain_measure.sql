-- maintain_measure: measures the latencies of at most so many days of a tenant.
-- Parameters: $1 integer.  Result: one row, how many.  Index: message (tenant_id, message_id).
-- Locks: the row of rollup_state.
SELECT message_sender.rollup_measure($1::integer)
