-- unknown_without_loss: unknown, and its last attempt is not a lost one
-- Unless it is to be settled by a receipt.
SELECT w.message_id FROM message_sender.work w
WHERE w.state = 'unknown' AND (w.attempt_open OR NOT EXISTS (
	SELECT FROM message_sender.attempt a
	WHERE a.message_id = w.message_id AND a.attempt = w.attempt AND a.outcome = 'lost'))
	AND NOT EXISTS (SELECT FROM message_sender.receipt r WHERE r.message_id = w.message_id)
