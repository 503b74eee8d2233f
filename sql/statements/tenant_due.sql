-- tenant_due: a tenant's unknown messages are due at once, so that the owner of their lane looks at
-- them by the policy in force; until then they have none.
-- Parameters: $1 text tenant.
-- Result: one row: how many they are.
-- In a transaction after tenant_set's: so it also finds what was settled by the policy of before
-- while that one was being committed; what comes later is refused by settle.
-- Indexes: work_unknown.  Locks: the tenant's unknown work.
WITH due AS (
	UPDATE message_sender.work
	SET wait = 2, due_at = statement_timestamp(), settle_policy = NULL
	WHERE tenant_id = $1::text AND wait IN (2, 4)
	RETURNING message_id
)
SELECT count(*) FROM due
