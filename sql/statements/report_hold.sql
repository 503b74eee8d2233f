-- report_hold: what is held now.
-- Parameters: $1 text tenant, null: all; $2, $3 not used; $4 integer rows at most.
-- Result: rows of report.hold, the oldest first.  Locks: none.
SELECT h.scope, h.tenant_id, h.outlet_id, h.number, h.reason, h.set_by, h.set_at, h.note, h.messages
FROM report.hold h
WHERE ($1::text IS NULL OR h.tenant_id = $1::text) AND $2::timestamptz IS NULL
	AND $3::timestamptz IS NULL
ORDER BY h.set_at LIMIT $4::integer
