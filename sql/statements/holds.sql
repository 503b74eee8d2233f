-- holds: what is held, if that has changed.
-- Parameters: $1 bigint the version that is known.
-- Result: without a change one row with the version and nulls; else that for each hold in
--   force (at most 10,000): version, id, scope, tenant, outlet, number, reason, set at.
-- Indexes: hold_version's primary key, hold_current.  Locks: none.
SELECT v.version, h.id, h.scope, h.tenant_id, h.outlet_id, h.number, h.reason, h.set_at
FROM message_sender.hold_version v
LEFT JOIN LATERAL (
	SELECT * FROM message_sender.hold c
	WHERE c.released_at IS NULL AND v.version <> $1::bigint
	ORDER BY c.scope, c.tenant_id, c.outlet_id, c.number, c.reason LIMIT 10000
) AS h ON true
WHERE v.one
