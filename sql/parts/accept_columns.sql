-- Their columns, in that order.
	message_id, tenant_id, outlet_id, conversation_id, recipient, message_type,
	payload, sender_type, accepted_at, expires_at, lane, caller_waits, attempt, number,
	deadline_at, state, failure_code, failure_reason, queue, due_at, send_at,
	deliver_between, valid_until, batch_id
