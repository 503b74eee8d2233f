-- work_overdue: work nobody looked at for 60 s after its validity ended
SELECT w.message_id FROM message_sender.work w
WHERE w.state IN ('queued', 'scheduled', 'retrying') AND NOT w.attempt_open
	AND w.expires_at < pg_catalog.now() - interval '60 s'
	AND w.due_at < pg_catalog.now() - interval '60 s'
