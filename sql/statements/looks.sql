-- looks: how messages stand that requests wait for.
-- Parameters: $1 uuid[] message ids.
-- Result: a row for each that is there: its position (from 1), then as status, then whether its
--   copy for the Conversation Service is being posted.
-- Indexes: primary keys.  Locks: none.
SELECT u.ord, s.state, s.wamid, s.sent_at, s.delivered_at, s.read_at, s.failure_code, s.attempts,
	s.failure_reason, s.copying
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (message_id, ord)
CROSS JOIN LATERAL message_sender.message_look(u.message_id) AS s
