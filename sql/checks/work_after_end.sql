-- work_after_end: work to send a message that is at its end
-- A message that was sent may have work while the Conversation Service lacks it, or while
-- another of its attempts is under way.
SELECT w.message_id FROM message_sender.work w JOIN message_sender.message m USING (message_id)
WHERE m.state IN ('failed', 'cancelled', 'expired')
	OR (m.state IN ('sent', 'delivered', 'read') AND w.state <> 'sent' AND NOT w.attempt_open)
