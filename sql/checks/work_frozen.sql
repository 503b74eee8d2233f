-- work_frozen: due for 5 minutes and not begun, although its lane has a live owner
-- The first of its recipient, and not held.  Unless its owner has the lane for less than 5 minutes, or
-- works off a backlog: within 5 minutes it began what was older than that, or a hold was released.
SELECT w.message_id FROM (
	SELECT DISTINCT ON (m.tenant_id, m.outlet_id, m.recipient) w.*
	FROM message_sender.work w JOIN message_sender.message m USING (message_id)
	WHERE w.wait = 0 ORDER BY m.tenant_id, m.outlet_id, m.recipient, w.seq
) AS w
JOIN message_sender.lane l USING (lane) JOIN message_sender.incarnation i ON i.id = l.incarnation
WHERE w.state IN ('queued', 'retrying') AND NOT w.attempt_open
	AND w.due_at < pg_catalog.now() - interval '5 min'
	AND l.since < pg_catalog.now() - interval '5 min'
	AND NOT i.fenced AND i.lease_until > pg_catalog.now()
	AND NOT EXISTS (SELECT FROM message_sender.hold h
		WHERE h.released_at > pg_catalog.now() - interval '5 min')
	AND i.id NOT IN (SELECT b.incarnation FROM (
			SELECT a.message_id, a.incarnation, a.begun_at FROM message_sender.attempt a
			UNION ALL
			SELECT o.message_id, o.incarnation, o.begun_at FROM message_sender.work o
			WHERE o.attempt_open AND o.incarnation IS NOT NULL
		) AS b JOIN message_sender.message m USING (message_id)
		WHERE b.begun_at > pg_catalog.now() - interval '5 min'
			AND m.accepted_at < b.begun_at - interval '5 min')
