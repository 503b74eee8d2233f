-- event_lines: what happened to one message, a row an event, for the command line.
-- Parameters: $1 uuid message id.
-- Result: a row an event: time, event, and what else is known of it.
-- Indexes: primary keys.  Locks: none.
SELECT e.value ->> 'at', e.value ->> 'event', (
	SELECT coalesce(string_agg(f.key || '=' || f.value, ' '), '')
	FROM json_each_text(e.value) AS f
	WHERE f.key NOT IN ('at', 'event') AND f.value IS NOT NULL)
FROM json_array_elements(message_sender.message_timeline($1::uuid) -> 'events') AS e
