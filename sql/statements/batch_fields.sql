-- batch_fields: how the messages of a bulk call stand, line by line.
-- Parameters: $1 uuid batch id.
-- Result: no row: there is no such batch; else rows of name and value.
-- Indexes: primary keys.  Locks: none.
SELECT f.name, f.value
FROM message_sender.batch_status($1::uuid) AS s (body)
CROSS JOIN LATERAL (
	SELECT e.key AS name, e.value, e.ord AS place, 0 AS step
	FROM json_each_text(s.body) WITH ORDINALITY AS e (key, value, ord) WHERE e.key <> 'statuses'
	UNION ALL
	SELECT '  ' || e.key, e.value, 8, e.ord
	FROM json_each_text(s.body -> 'statuses') WITH ORDINALITY AS e (key, value, ord)
) AS f
ORDER BY f.place, f.step
