-- zone_show: the time zone of a tenant's days in reports, when it is not UTC.
-- Parameters: $1 text tenant.  Result: no row, or one: time zone, who, when, why.
-- Index: primary key.  Locks: none.
SELECT z.time_zone, z.set_by, message_sender.time_text(z.set_at), z.why
FROM message_sender.tenant_zone z WHERE z.tenant_id = $1::text
