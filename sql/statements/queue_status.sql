-- queue_status: what is left to do, by state.
-- Parameters: none.
-- Result: a row a state of work: state, messages, attempts under way, overdue by more than
--   10 s, seconds since the oldest was accepted.
-- The Conversation Service's backlog is state `sent`.  Reads all of work.  Locks: none.
SELECT w.state, count(*), count(*) FILTER (WHERE w.attempt_open),
	count(*) FILTER (WHERE w.state IN ('queued', 'retrying', 'sent')
		AND w.due_at < now() - interval '10 seconds'),
	coalesce(extract(epoch FROM now() - min(to_timestamp(
		('x' || substr(replace(w.message_id::text, '-', ''), 1, 12))::bit(48)::bigint
		/ 1000.0)))::bigint, 0)
FROM message_sender.work w
GROUP BY w.state ORDER BY array_position(
	ARRAY['scheduled', 'queued', 'sending', 'retrying', 'held', 'unknown', 'sent'], w.state)
