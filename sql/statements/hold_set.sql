-- hold_set: a hold begins, unless the same is in force.
-- Parameters: $1 text scope; $2 text tenant, $3 text outlet, $4 text number: "" unless the
--   scope has it (for a token: all three); $5 text reason; $6 text who; $7 text note; $8 integer so
--   many at most, $9 integer so many of this tenant for this reason.
-- Result: one row: whether it is new, and the hold in force as text; none: there are too many.
-- Index: hold_current.  Locks: the new row; hold_version's.
WITH placed AS (
	INSERT INTO message_sender.hold (scope, tenant_id, outlet_id, number, reason, set_by, note)
	SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text
	FROM (SELECT count(*) AS n,
			count(*) FILTER (WHERE h.tenant_id = $2::text AND h.reason = $5::text) AS own
		FROM message_sender.hold h WHERE h.released_at IS NULL) AS c
	WHERE c.n < $8::integer AND c.own < $9::integer
	ON CONFLICT (scope, tenant_id, outlet_id, number, reason) WHERE released_at IS NULL
		DO NOTHING
	RETURNING hold
)
SELECT true, message_sender.hold_text(p.hold) FROM placed p
UNION ALL
SELECT false, message_sender.hold_text(h) FROM message_sender.hold h
WHERE h.released_at IS NULL AND h.scope = $1::text AND h.tenant_id = $2::text
	AND h.outlet_id = $3::text AND h.number = $4::text AND h.reason = $5::text
