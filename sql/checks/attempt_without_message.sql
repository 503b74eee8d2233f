-- attempt_without_message: an attempt of a message that does not exist
SELECT a.message_id FROM message_sender.attempt a
WHERE NOT EXISTS (SELECT FROM message_sender.message m WHERE m.message_id = a.message_id)
