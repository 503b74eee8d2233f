-- receipt_unapplied: its state is behind what Meta has reported
SELECT DISTINCT r.message_id FROM message_sender.receipt r
JOIN message_sender.message m USING (message_id)
WHERE r.attempt <= m.attempts AND m.state NOT IN ('read', 'failed', 'cancelled', 'expired')
	AND (r.status IN ('read', 'played') OR r.status = 'delivered' AND m.state <> 'delivered')
