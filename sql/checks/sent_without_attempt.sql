-- sent_without_attempt: sent, and no attempt was accepted with that wamid
-- Unless a person decided that a lost one was, or a receipt says so.
SELECT m.message_id FROM message_sender.message m
WHERE (m.state IN ('sent', 'delivered', 'read') OR m.sent_at IS NOT NULL OR m.wamid IS NOT NULL)
	AND (m.sent_at IS NULL OR m.wamid IS NULL OR NOT EXISTS (
		SELECT FROM message_sender.attempt a
		WHERE a.message_id = m.message_id AND a.outcome = 'accepted' AND a.wamid = m.wamid))
	AND NOT EXISTS (SELECT FROM message_sender.decision d
		WHERE d.message_id = m.message_id AND d.decision = 'sent')
	AND NOT EXISTS (SELECT FROM message_sender.receipt r
		WHERE r.message_id = m.message_id AND r.wamid = m.wamid)
