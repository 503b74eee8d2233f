-- copy_overdue: not given to the Conversation Service for 5 minutes, although nothing is in the way
-- Its lane has a live owner, who waits with no copy because one has failed.  Each that is due may
-- cost the others 10 ms: after an outage there are many.
SELECT w.message_id FROM message_sender.work w
JOIN message_sender.lane l USING (lane) JOIN message_sender.incarnation i ON i.id = l.incarnation
WHERE w.wait = 1 AND NOT i.fenced AND i.lease_until > pg_catalog.now()
	AND greatest(w.due_at, l.since) < pg_catalog.now() - interval '5 min' - interval '10 ms' * (
		SELECT count(*) FROM message_sender.work o
		WHERE o.wait = 1 AND o.due_at < pg_catalog.now())
	AND l.incarnation NOT IN (SELECT f.incarnation
		FROM message_sender.work o JOIN message_sender.lane f USING (lane)
		WHERE o.wait = 1 AND o.conversation_tries > 0 AND o.due_at > pg_catalog.now()
			AND f.incarnation IS NOT NULL)
