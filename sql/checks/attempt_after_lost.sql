-- attempt_after_lost: sent again although the attempt before was lost
-- Unless a person decided so, which is recorded.
SELECT DISTINCT a.message_id FROM message_sender.attempt a
WHERE a.outcome = 'lost' AND NOT EXISTS (
	SELECT FROM message_sender.decision d
	WHERE d.message_id = a.message_id AND d.attempt = a.attempt AND d.decision = 'resend')
	AND (EXISTS (
		SELECT FROM message_sender.attempt b
		WHERE b.message_id = a.message_id AND b.attempt > a.attempt)
	OR EXISTS (SELECT FROM message_sender.work w
		WHERE w.message_id = a.message_id AND w.attempt > a.attempt))
