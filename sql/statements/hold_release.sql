-- hold_release: holds end, with an outlet or a number also those for a token of it.  What a
-- restore holds is not released by this.
-- Parameters: $1 text scope; $2 text tenant, $3 text outlet, $4 text number: "" unless the
--   scope has it; $5 text who; $6 text note; $7 boolean a tenant itself: what people paused stays.
-- Result: one row a hold that has ended: it as text, how many messages it held.
-- Index: hold_current; reads all held work.  Locks: the rows; hold_version's.
WITH ended AS (
	UPDATE message_sender.hold h
	SET released_by = $5::text, released_at = clock_timestamp(), release_note = $6::text
	WHERE h.released_at IS NULL AND h.reason <> 'restore'
		AND (h.reason <> 'paused' OR NOT $7::boolean) AND (
		(h.scope = $1::text AND h.tenant_id = $2::text AND h.outlet_id = $3::text
			AND h.number = $4::text)
		OR (h.reason = 'token' AND CASE $1::text WHEN 'number' THEN h.number = $4::text
			WHEN 'outlet' THEN h.tenant_id = $2::text AND h.outlet_id = $3::text
			ELSE false END))
	RETURNING h
)
SELECT message_sender.hold_text(e.h), (SELECT count(*) FROM message_sender.work w
	WHERE w.wait = 3 AND w.hold = (e.h).id)
FROM ended e
