-- holds: what is held and what rates are set, if that has changed.
-- Parameters: $1 bigint the version that is known.
-- Result: without a change one row with the version and nulls; else that for each hold in
--   force and each rate (at most 10,000 of both): version, id, scope, tenant, outlet, number, reason,
--   set at, rate, weight.  A rate has id 0 and no scope; its own rate is -1 when the setting's holds.
-- Indexes: hold_version's primary key, hold_current, rate's primary key.  Locks: none.
SELECT v.version, h.id, h.scope, h.tenant_id, h.outlet_id, h.number, h.reason, h.set_at, h.rate,
	h.weight
FROM message_sender.hold_version v
LEFT JOIN LATERAL (
	(SELECT c.id, c.scope, c.tenant_id, c.outlet_id, c.number, c.reason, c.set_at,
		NULL::integer AS rate, NULL::integer AS weight
	FROM message_sender.hold c
	WHERE c.released_at IS NULL AND v.version <> $1::bigint
	ORDER BY c.scope, c.tenant_id, c.outlet_id, c.number, c.reason LIMIT 10000)
	UNION ALL
	(SELECT 0, '', r.tenant_id, r.outlet_id, '', '', r.set_at, coalesce(r.rate, -1), r.weight
	FROM message_sender.rate r
	WHERE v.version <> $1::bigint
	ORDER BY r.tenant_id, r.outlet_id LIMIT 10000)
) AS h ON true
WHERE v.one
