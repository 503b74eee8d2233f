-- rate_show: what may be sent in a second, where it was set.
-- Parameters: $1 text tenant; $2 text outlet, '' for the tenant as a whole.
-- Result: no row, or one: rate (null: the setting's), weight, who, when, why.
-- Index: primary key.  Locks: none.
SELECT r.rate, r.weight, r.set_by, message_sender.time_text(r.set_at), r.why
FROM message_sender.rate r
WHERE r.tenant_id = $1::text AND r.outlet_id = $2::text
