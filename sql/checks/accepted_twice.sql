-- accepted_twice: more than one attempt was accepted: the recipient has it twice
SELECT message_id FROM message_sender.attempt WHERE outcome = 'accepted'
GROUP BY message_id HAVING count(*) > 1
