-- As accept_message, with the day that each was charged to.
	INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, conversation_id,
		recipient, message_type, payload, sender_type, number, state, attempts, accepted_at,
		failed_at, failure_code, failure_reason, class, send_at, deliver_between, valid_until,
		batch_id, charged_on)
	SELECT message_id, tenant_id, outlet_id, conversation_id, recipient, message_type, payload,
		sender_type, number, state, 0, accepted_at,
		CASE WHEN state NOT IN ('queued', 'scheduled') THEN accepted_at END, failure_code,
		failure_reason, (queue & 3)::smallint, send_at, deliver_between, valid_until, batch_id,
		charged_on
