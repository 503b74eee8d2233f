-- holds: what is held and what rates are set, if that has changed.
-- Parameters: $1 bigint the version that is known.
-- Result: without a change one row with the version and nulls; else that for each hold in
--   force and each rate (at most 10,000 of each): version, id, scope, tenant, outlet, number, reason,
--   set at, rate, weight.  A rate has id 0 and no scope; its own rate is -1 when the setting's holds;
--   that of a number, as Meta has said, has no tenant, and the number as its outlet.
-- Indexes: hold_version's primary key, hold_current, rate's primary key, number_id.  Locks: none.
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
	UNION ALL
	(SELECT 0, '', '', n.number, '', '', now(), max(n.rate), 1
	FROM message_sender.number n
	WHERE n.rate IS NOT NULL AND n.number IS NOT NULL AND v.version <> $1::bigint
	GROUP BY n.number ORDER BY n.number LIMIT 10000)
) AS h ON true
WHERE v.one
