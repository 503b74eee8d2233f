-- message_fields: one message, a row a field, for the command line.
-- Parameters: $1 uuid message id.
-- Result: no row, or one a field: its name and value.
-- Indexes: primary keys.  Locks: none.
SELECT f.key, coalesce(f.value, '-')
FROM message_sender.message_whole($1::uuid) AS w
CROSS JOIN LATERAL (
	SELECT * FROM json_each_text(message_sender.with_replay(w.body, $1::uuid)) UNION ALL SELECT 'payload', w.payload
) AS f
