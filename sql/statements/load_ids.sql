-- load_ids: the same for messages named by bell, as far as they are work of these lanes.
-- Parameters: $1 smallint[] lanes; $2 uuid[] message ids.
-- Result: as load.  Indexes: primary keys.  Locks: none.
SELECT w.message_id, w.seq, m.accepted_at, w.lane, w.tenant_id, m.outlet_id,
	m.conversation_id, m.recipient, m.message_type, m.payload, m.sender_type,
	w.state, w.caller_waits, w.attempt, w.counted, w.throttled, w.incarnation, w.begun_at,
	w.deadline_at, w.due_at, w.expires_at, w.number, m.wamid, w.conversation_tries,
	statement_timestamp(),
	w.attempt_open AND coalesce((SELECT i.gone FROM message_sender.incarnation i
		WHERE i.id = w.incarnation), false) AS gone
FROM (
	SELECT * FROM message_sender.work
	WHERE message_id = ANY ($2::uuid[]) AND lane = ANY ($1::smallint[]) AND wait = 0
) AS w
CROSS JOIN LATERAL (
	SELECT m.* FROM message_sender.message m
	WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id
	OFFSET 0
) AS m
ORDER BY w.seq
