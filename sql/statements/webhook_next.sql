-- webhook_next: the webhooks that came in a time, one after the other.
-- Parameters: $1 timestamptz, $2 bigint behind which (when it came, its seq); $3 timestamptz before
--   which.
-- Result: one row, or none: when it came, its seq, its body.  Index: webhook's primary key.
-- Locks: none.
SELECT w.received_at, w.seq, w.body
FROM message_sender.webhook w
WHERE w.received_at >= $1::timestamptz AND (w.received_at, w.seq) > ($1::timestamptz, $2::bigint)
	AND w.received_at < $3::timestamptz
ORDER BY w.received_at, w.seq LIMIT 1
