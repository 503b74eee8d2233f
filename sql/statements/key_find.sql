-- key_find: an API key, by its id.
-- Parameters: $1 text id.
-- Result: one row: the version of all keys, then, nulls when there is none: hash, tenant, outlets
--   divided by spaces, scopes divided by commas, whether it is revoked, milliseconds it has left.
-- Index: primary keys.  Locks: none.
SELECT version, hash, tenant_id, outlets, scopes, revoked, left_ms
FROM message_sender.api_key_find($1::text)
