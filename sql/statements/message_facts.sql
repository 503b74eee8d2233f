-- message_facts: what is to be known for telling what holds one message, or why it ended.
-- Parameters: $1 uuid message id; $2 text tenant, $3 text outlets, as status.
-- Result: no row, or one; columns as facts.c reads them.
-- Indexes: primary keys; work_to_send, at most 10,000 rows a class, and twice as many of its own.
-- Locks: none.
SELECT state, accepted_us, sent_us, delivered_us, read_us, failed_us,
	coalesce(wamid, message_sender.accepted_wamid($1::uuid)) AS wamid, failure_code,
	failure_reason, has_work, attempt, attempt_open, begun_us, deadline_us, due_us, expires_us,
	conversation_tries, incarnation, worker, node, last_attempt, last_outcome, last_ended_us,
	last_code, last_subcode, last_title, decision, decided_by, why,
	coalesce(line.before_it, ahead), ahead_recipient,
	hold, held_us, wait_code, wait_reason, wait_us, settling.policy, settling.policy_of,
	message_sender.time_us(settling.quarantine_ends),
	message_sender.time_us(settling.decides_at), settling.resends, line.class, line.high, line.normal,
	line.bulk, coalesce(line.number_rate, -1), coalesce(line.tenant_rate, -1)
FROM message_sender.message_facts($1::uuid)
LEFT JOIN LATERAL message_sender.message_hold($1::uuid) ON true
LEFT JOIN LATERAL message_sender.message_wait($1::uuid) ON true
LEFT JOIN LATERAL message_sender.message_settling($1::uuid) AS settling ON true
LEFT JOIN LATERAL message_sender.message_line($1::uuid, ahead) AS line ON true
WHERE message_sender.message_seen($1::uuid, $2::text, $3::text)
