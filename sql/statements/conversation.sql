-- conversation: the Conversation Service has the message, or not yet.
-- Parameters: $1 uuid[] message ids, sorted; $2 boolean[] stored; $3 timestamptz[] due;
--   $4 smallint[] tries; $5 the host's time now.
-- Result: none.
-- Index: work's primary key.  Locks: the rows of work.
WITH input AS MATERIALIZED (
	SELECT u.* FROM unnest($1::uuid[], $2::boolean[], $3::timestamptz[], $4::smallint[])
		AS u (message_id, stored, due_at, tries)
), moved AS (
	UPDATE message_sender.work w
	SET due_at = statement_timestamp() + (i.due_at - $5::timestamptz),
		conversation_tries = i.tries
	FROM input i
	WHERE w.message_id = i.message_id AND w.message_id = ANY ($1::uuid[])
		AND w.state = 'sent' AND NOT i.stored
)
DELETE FROM message_sender.work w
WHERE w.message_id = ANY (ARRAY(SELECT message_id FROM input WHERE stored)) AND w.state = 'sent'
