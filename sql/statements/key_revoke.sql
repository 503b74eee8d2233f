-- key_revoke: an API key permits nothing any more.
-- Parameters: $1 text id; $2 text who.
-- Result: no row: there is no such key; else one: since when it is revoked.
-- Index: primary key.  Locks: the row; api_key_version's.
UPDATE message_sender.api_key k
SET revoked_at = coalesce(k.revoked_at, statement_timestamp()),
	revoked_by = coalesce(k.revoked_by, $2::text)
WHERE k.id = $1::text
RETURNING message_sender.time_text(k.revoked_at)
