-- key_list: the API keys.
-- Parameters: $1 text tenant, null: all of them.
-- Result: a row a key, in order of tenants and time: id, tenant, outlets and scopes divided by
--   commas, state (live, expired, revoked), created, by, why, expires, revoked, by, last used, the key
--   that it replaces.
-- Reads all keys.  Locks: none.
SELECT k.id, k.tenant_id, array_to_string(k.outlets, ','), array_to_string(k.scopes, ','),
	CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
		WHEN k.expires_at <= statement_timestamp() THEN 'expired' ELSE 'live' END,
	message_sender.time_text(k.created_at), k.created_by, k.why,
	message_sender.time_text(k.expires_at), message_sender.time_text(k.revoked_at), k.revoked_by,
	message_sender.time_text(k.last_used_at), k.replaces
FROM message_sender.api_key k
WHERE $1::text IS NULL OR k.tenant_id = $1::text
ORDER BY k.tenant_id NULLS FIRST, k.created_at, k.id
