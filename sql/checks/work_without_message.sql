-- work_without_message: work without its message, or of another tenant's
SELECT w.message_id FROM message_sender.work w
WHERE NOT EXISTS (SELECT FROM message_sender.message m
	WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id)
