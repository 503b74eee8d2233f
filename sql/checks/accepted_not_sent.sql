-- accepted_not_sent: an attempt was accepted, and the message is not sent
SELECT a.message_id FROM message_sender.attempt a JOIN message_sender.message m USING (message_id)
WHERE a.outcome = 'accepted' AND (m.sent_at IS NULL OR a.wamid IS NULL)
