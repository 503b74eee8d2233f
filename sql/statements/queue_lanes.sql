-- queue_lanes: the lanes with most left to send.
-- Parameters: none.
-- Result: at most 10 rows: lane, messages to send, attempts under way, tenants.
-- Reads all of work.  Locks: none.
SELECT w.lane, count(*), count(*) FILTER (WHERE w.attempt_open), count(DISTINCT w.tenant_id)
FROM message_sender.work w
WHERE w.state IN ('queued', 'sending', 'retrying')
GROUP BY w.lane ORDER BY count(*) DESC, w.lane LIMIT 10
