-- quota_unset: a tenant has no limits any more.
-- Parameters: $1 text tenant.  Result: one row: how many had some, 0 or 1.
-- Index: primary key.  Locks: the row.
WITH gone AS (
	DELETE FROM message_sender.quota WHERE tenant_id = $1::text RETURNING 1
)
SELECT count(*) FROM gone
