-- zone_unset: a tenant's days in reports are those of UTC again.
-- Parameters: $1 text tenant.  Result: one row if it had a time zone.
-- Indexes: primary keys.  Locks: the row; those of the tenant's latencies.
DELETE FROM message_sender.tenant_zone WHERE tenant_id = $1::text RETURNING time_zone
