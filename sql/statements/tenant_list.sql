-- tenant_list: tenants, of our own tables or with settings of their own.
-- Parameters: $1 text tenant; null: all of our own tables.
-- Result: a row each: an object; tenant, name, time zone, outlets, weight, since when disabled.
--   Of one that is asked for by its id: a row also when it is in none of them.
-- Indexes: primary keys.  Locks: none.
SELECT json_build_object('tenant_id', k.tenant_id, 'own', t.tenant_id IS NOT NULL,
		'name', t.name, 'time_zone', message_sender.tenant_time_zone(k.tenant_id), 'outlets', n.outlets,
		'created_at', message_sender.time_text(t.created_at),
		'disabled_at', message_sender.time_text(t.disabled_at),
		'rate', r.rate, 'weight', coalesce(r.weight, 1), 'unknown_policy', p.unknown_policy,
		'quarantine_seconds', p.quarantine_seconds),
	k.tenant_id, t.name, message_sender.tenant_time_zone(k.tenant_id), n.outlets, coalesce(r.weight, 1),
	message_sender.time_text(t.disabled_at)
FROM (SELECT $1::text AS tenant_id WHERE $1::text IS NOT NULL
	UNION ALL SELECT tenant_id FROM message_sender.tenant WHERE $1::text IS NULL) AS k
LEFT JOIN message_sender.tenant t ON t.tenant_id = k.tenant_id
LEFT JOIN message_sender.rate r ON r.tenant_id = k.tenant_id AND r.outlet_id = ''
LEFT JOIN message_sender.tenant_policy p ON p.tenant_id = k.tenant_id
CROSS JOIN LATERAL (SELECT count(*) AS outlets FROM message_sender.outlet o
	WHERE o.tenant_id = k.tenant_id) AS n
ORDER BY k.tenant_id
