-- attempts_uncounted: a message that counts fewer attempts than there are
SELECT m.message_id FROM message_sender.message m JOIN message_sender.attempt a USING (message_id)
GROUP BY m.message_id, m.attempts HAVING m.attempts < count(*)
