-- queue_workers: the workers that have attempts under way.
-- Parameters: none.
-- Result: at most 100 rows: node, worker, attempts under way, seconds of the oldest.
-- Reads all of work.  Locks: none.
SELECT coalesce(i.node, '?'), coalesce(i.worker, '?'), count(*),
	greatest(0, extract(epoch FROM now() - min(w.begun_at)))::bigint
FROM message_sender.work w
LEFT JOIN message_sender.incarnation i ON i.id = w.incarnation
WHERE w.attempt_open
GROUP BY i.node, i.worker, i.id ORDER BY count(*) DESC LIMIT 100
