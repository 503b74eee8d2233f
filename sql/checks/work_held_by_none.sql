-- work_held_by_none: held work whose hold was released 60 s ago, or is not known
SELECT w.message_id FROM message_sender.work w
LEFT JOIN message_sender.hold h ON h.id = w.hold
WHERE w.wait = 3 AND (h.id IS NULL OR h.released_at < pg_catalog.now() - interval '60 s')
