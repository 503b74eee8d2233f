-- orphan_overdue: a receipt of it waits for its message although that is known
SELECT DISTINCT a.message_id FROM message_sender.receipt_orphan o
JOIN message_sender.attempt a ON pg_catalog.hashtext(a.wamid) = pg_catalog.hashtext(o.wamid)
	AND a.wamid = o.wamid
WHERE o.due_at < pg_catalog.now() - interval '5 minutes'
