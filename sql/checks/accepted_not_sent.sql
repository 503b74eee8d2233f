-- accepted_not_sent: an attempt was accepted, and the message is not sent
-- Unless it became known only after it was decided that the message has failed.
SELECT a.message_id FROM message_sender.attempt a JOIN message_sender.message m USING (message_id)
WHERE a.outcome = 'accepted' AND (m.sent_at IS NULL OR a.wamid IS NULL) AND NOT EXISTS (
	SELECT FROM message_sender.decision d WHERE d.message_id = a.message_id
		AND d.attempt = a.attempt AND d.decision = 'failed' AND m.state = 'failed')
