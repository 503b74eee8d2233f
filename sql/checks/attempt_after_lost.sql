-- attempt_after_lost: sent again although the attempt before was lost
SELECT DISTINCT a.message_id FROM message_sender.attempt a
WHERE a.outcome = 'lost' AND (EXISTS (
		SELECT FROM message_sender.attempt b
		WHERE b.message_id = a.message_id AND b.attempt > a.attempt)
	OR EXISTS (SELECT FROM message_sender.work w
		WHERE w.message_id = a.message_id AND w.attempt > a.attempt))
