-- outlet_list: outlets of our own tables, never a secret.
-- Parameters: $1 text tenant, $2 text outlet; null: of all.
-- Result: a row each: an object; tenant, outlet, number, token, app secret, since when disabled.
-- Index: primary key.  Locks: none.
SELECT json_build_object('tenant_id', o.tenant_id, 'outlet_id', o.outlet_id, 'number', o.number,
		'token', o.token IS NOT NULL, 'app_secret', o.app_secret IS NOT NULL,
		'time_zone', o.time_zone, 'number_rate', r.rate,
		'created_at', message_sender.time_text(o.created_at),
		'changed_at', message_sender.time_text(o.changed_at), 'changed_by', o.changed_by,
		'disabled_at', message_sender.time_text(o.disabled_at)),
	o.tenant_id, o.outlet_id, o.number, CASE WHEN o.token IS NOT NULL THEN 'sealed' END,
	CASE WHEN o.app_secret IS NOT NULL THEN 'sealed' END, r.rate, o.time_zone,
	message_sender.time_text(o.disabled_at)
FROM message_sender.outlet o
LEFT JOIN message_sender.rate r ON r.tenant_id = o.tenant_id AND r.outlet_id = o.outlet_id
WHERE ($1::text IS NULL OR o.tenant_id = $1::text) AND ($2::text IS NULL OR o.outlet_id = $2::text)
ORDER BY o.tenant_id, o.outlet_id
