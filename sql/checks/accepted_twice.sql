-- accepted_twice: more than one attempt was accepted: the recipient has it twice
-- One that Meta has reported as failed does not count.
SELECT a.message_id FROM message_sender.attempt a
WHERE a.outcome = 'accepted' AND NOT EXISTS (SELECT FROM message_sender.receipt r
	WHERE r.message_id = a.message_id AND r.attempt = a.attempt AND r.status = 'failed')
GROUP BY a.message_id HAVING count(*) > 1
