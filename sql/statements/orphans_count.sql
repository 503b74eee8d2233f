-- orphans_count: how many receipts of unknown messages wait, and for how long.
-- Parameters: none.  Result: one row: how many, 100,000 at most; the age of the oldest, s, 0: none.
-- Index: receipt_orphan_received.  Locks: none.
SELECT (SELECT count(*) FROM (SELECT FROM message_sender.receipt_orphan
		ORDER BY received_at LIMIT 100000) AS o)::bigint,
	coalesce(extract(epoch FROM statement_timestamp() - (SELECT received_at
		FROM message_sender.receipt_orphan ORDER BY received_at LIMIT 1)), 0)::bigint
