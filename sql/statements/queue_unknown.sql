-- queue_unknown: messages whose reply was lost and that nobody has decided about.
-- Parameters: $1 text tenant, null: all.
-- Result: at most 1,001 rows, the longest waiting first: message, tenant, outlet, recipient,
--   number, the lost attempt, when it began and ended, what was seen of it, the policy it was
--   last looked at by (null: not yet), and when that decides at the earliest (null: a person
--   does).
-- Reads all of work.  Locks: none.
SELECT w.message_id, w.tenant_id, m.outlet_id, m.recipient, w.number, w.attempt,
	message_sender.time_text(w.begun_at), message_sender.time_text(a.ended_at),
	coalesce(nullif(a.details, ''), a.title), w.settle_policy,
	CASE WHEN w.wait = 2 THEN message_sender.time_text(w.due_at) END
FROM message_sender.work w
JOIN message_sender.message m ON m.message_id = w.message_id AND m.tenant_id = w.tenant_id
LEFT JOIN message_sender.attempt a ON a.message_id = w.message_id AND a.attempt = w.attempt
WHERE w.state = 'unknown' AND ($1::text IS NULL OR w.tenant_id = $1::text)
ORDER BY w.message_id LIMIT 1001
