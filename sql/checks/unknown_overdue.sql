-- unknown_overdue: unknown and not looked at for 60 s, although its lane has a live owner
-- Each that is due may cost the others 10 ms: after a restore there are many.
SELECT w.message_id FROM message_sender.work w
JOIN message_sender.lane l USING (lane) JOIN message_sender.incarnation i ON i.id = l.incarnation
WHERE w.wait = 2 AND NOT i.fenced AND i.lease_until > pg_catalog.now()
	AND greatest(w.due_at, l.since) < pg_catalog.now() - interval '60 s' - interval '10 ms' * (
		SELECT count(*) FROM message_sender.work o
		WHERE o.wait = 2 AND o.due_at < pg_catalog.now())
