-- message_without_work: an unfinished message without work: nobody will send it
-- With work_after_end and work's primary key this is what the sums over states ask: every accepted
-- message is at its end or has one work.
SELECT m.message_id FROM message_sender.message m
WHERE m.state IN ('queued', 'scheduled', 'sending', 'retrying', 'unknown')
	AND NOT EXISTS (SELECT FROM message_sender.work w WHERE w.message_id = m.message_id)
