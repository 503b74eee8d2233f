-- zone_set: a tenant's days in reports are those of this time zone; what is kept is counted anew.
-- Parameters: $1 text tenant; $2 text time zone, an error unless PostgreSQL knows it; $3 text who;
--   $4 text why.
-- Result: one row: the time there.  Indexes: primary keys.  Locks: the row; those of the tenant's
--   latencies.
INSERT INTO message_sender.tenant_zone (tenant_id, time_zone, set_by, set_at, why)
SELECT $1::text, $2::text, $3::text, statement_timestamp(), $4::text
WHERE statement_timestamp() AT TIME ZONE $2::text IS NOT NULL
ON CONFLICT (tenant_id) DO UPDATE SET time_zone = excluded.time_zone, set_by = excluded.set_by,
	set_at = excluded.set_at, why = excluded.why
RETURNING to_char(statement_timestamp() AT TIME ZONE time_zone, 'YYYY-MM-DD HH24:MI')
