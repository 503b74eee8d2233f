-- work_after_end: work to send a message that is at its end
-- A message that was sent may have work while the Conversation Service lacks it, or while
-- another of its attempts is under way.  A receipt may end a message before its outcome ends the
-- work, or the lane's owner settles it.
SELECT w.message_id FROM message_sender.work w JOIN message_sender.message m USING (message_id)
WHERE (m.state IN ('failed', 'cancelled', 'expired')
		OR (m.state IN ('sent', 'delivered', 'read') AND w.state <> 'sent' AND NOT w.attempt_open))
	AND NOT ((w.attempt_open OR w.state IN ('unknown', 'sent')) AND EXISTS (
		SELECT FROM message_sender.receipt r
		WHERE r.message_id = w.message_id AND r.attempt <= w.attempt))
