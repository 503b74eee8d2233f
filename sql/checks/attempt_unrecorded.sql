-- attempt_unrecorded: work that counts an attempt nobody recorded
SELECT w.message_id FROM message_sender.work w
WHERE w.attempt - w.attempt_open::integer > (SELECT count(*) FROM message_sender.attempt a
	WHERE a.message_id = w.message_id)
