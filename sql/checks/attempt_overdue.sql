-- attempt_overdue: an attempt under way 60 s after its deadline
SELECT w.message_id FROM message_sender.work w
WHERE w.attempt_open AND (w.deadline_at IS NULL OR w.incarnation IS NULL
	OR w.deadline_at < pg_catalog.now() - interval '60 s')
