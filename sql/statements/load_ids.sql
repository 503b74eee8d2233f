-- load_ids: the same for messages named by bell, as far as they are work of these lanes.
-- Parameters: $1 smallint[] lanes; $2 uuid[] message ids.
-- Result: as load.  Indexes: primary keys.  Locks: none.
SELECT
@include load_columns
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
