-- work_of_unsent: work that says sent, of a message that was not
SELECT w.message_id FROM message_sender.work w JOIN message_sender.message m USING (message_id)
WHERE w.state = 'sent' AND (m.sent_at IS NULL OR m.conversation_id IS NULL)
