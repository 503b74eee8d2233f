-- What the statements that load tell of work w and its message m, as load.c reads it; `gone` follows.
	w.message_id, w.seq, m.accepted_at, w.lane, w.tenant_id, m.outlet_id,
	CASE WHEN NOT w.copied THEN m.conversation_id END, m.recipient, m.message_type, m.payload, m.sender_type, w.queue,
	m.deliver_between, w.state, w.caller_waits, w.attempt, w.counted, w.throttled,
	w.incarnation, w.begun_at, w.deadline_at, w.due_at, w.expires_at, w.number, m.wamid,
	w.conversation_tries, statement_timestamp(),
