-- failed_without_reason: failed or cancelled without a time and a reason
SELECT m.message_id FROM message_sender.message m
WHERE m.state IN ('failed', 'cancelled')
	AND (m.failed_at IS NULL OR coalesce(m.failure_reason, '') = '')
