-- quota_list: what tenants may send, and have.
-- Parameters: $1 text tenant; null: all that have limits.
-- Result: a row each: an object; tenant, its day, used of it and limit, used of the month and limit.
-- Index: primary key; quota_change_new.  Locks: none.
SELECT json_build_object('tenant_id', q.tenant_id, 'day', u.today, 'daily', q.daily,
		'day_used', u.day_used, 'monthly', q.monthly, 'month_used', u.month_used,
		'time_zone', message_sender.tenant_time_zone(q.tenant_id), 'set_by', q.set_by,
		'set_at', message_sender.time_text(q.set_at)),
	q.tenant_id, u.today, u.day_used, q.daily, u.month_used, q.monthly
FROM message_sender.quota q CROSS JOIN LATERAL message_sender.quota_used(q) AS u
WHERE $1::text IS NULL OR q.tenant_id = $1::text
ORDER BY q.tenant_id
