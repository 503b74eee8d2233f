-- tenant_show: by which policy a tenant's lost replies are settled, when it has its own.
-- Parameters: $1 text tenant.
-- Result: no row, or one: policy, quarantine, who, when, why, messages unknown now.
-- Indexes: primary key; reads all unknown work.  Locks: none.
SELECT p.unknown_policy, p.quarantine_seconds, p.set_by, message_sender.time_text(p.set_at), p.why,
	(SELECT count(*) FROM message_sender.work w WHERE w.tenant_id = $1::text AND w.wait IN (2, 4))
FROM message_sender.tenant_policy p
WHERE p.tenant_id = $1::text
