-- rate_unset: the settings hold again.
-- Parameters: $1 text tenant; $2 text outlet, '' for the tenant as a whole.
-- Result: one row: how many were taken back, 0 or 1.
-- Index: primary key.  Locks: the row; hold_version's.
WITH gone AS (
	DELETE FROM message_sender.rate
	WHERE tenant_id = $1::text AND outlet_id = $2::text
	RETURNING tenant_id
)
SELECT count(*) FROM gone
