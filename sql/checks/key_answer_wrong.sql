-- key_answer_wrong: an answer kept with an idempotency key that its message does not bear out
-- 200: sent, with that wamid, or that of an attempt that failed later; 500: failed; 202: it was taken, so it was not cancelled.
SELECT k.message_id FROM message_sender.idempotency_key k JOIN message_sender.message m USING (message_id)
WHERE k.answer_status IS NOT NULL AND NOT coalesce(
	k.answer_body::json ->> 'message_id' = k.message_id::text AND CASE k.answer_status
		WHEN 200 THEN m.sent_at IS NOT NULL
			AND (k.answer_body::json ->> 'whatsapp_message_id' = m.wamid OR EXISTS (
				SELECT FROM message_sender.attempt a WHERE a.message_id = m.message_id
					AND a.wamid = k.answer_body::json ->> 'whatsapp_message_id'))
		WHEN 202 THEN m.state <> 'cancelled'
		WHEN 500 THEN m.failed_at IS NOT NULL
		ELSE false END, false)
