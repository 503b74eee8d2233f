-- key_rotate: an API key gets a successor that permits the same; its own time ends a little later.
-- Parameters: $1 text the key; $2 text the new id; $3 text its hash, hexadecimal; $4 timestamptz its
--   end, null: none; $5 integer seconds the old one has left at most; $6 text who; $7 text why.
-- Result: one row: whether the key is live, whether it has a live successor already, the end of
--   the old one; the last is null unless it was done.
-- Indexes: primary key, api_key_replaces.  Locks: the rows; api_key_version's.
WITH old AS MATERIALIZED (
	SELECT k.id, k.tenant_id, k.outlets, k.scopes, EXISTS (SELECT FROM message_sender.api_key n
		WHERE n.replaces = k.id AND n.revoked_at IS NULL
			AND coalesce(n.expires_at > statement_timestamp(), true)) AS replaced
	FROM message_sender.api_key k
	WHERE k.id = $1::text AND k.revoked_at IS NULL
		AND coalesce(k.expires_at > statement_timestamp(), true)
	FOR NO KEY UPDATE
), new AS (
	INSERT INTO message_sender.api_key (id, hash, tenant_id, outlets, scopes, replaces, expires_at,
		created_by, why)
	SELECT $2::text, decode($3::text, 'hex'), o.tenant_id, o.outlets, o.scopes, o.id,
		$4::timestamptz, $6::text, $7::text
	FROM old o WHERE NOT o.replaced
	RETURNING replaces
), ended AS (
	UPDATE message_sender.api_key k
	SET expires_at = least(k.expires_at,
		statement_timestamp() + $5::integer * interval '1 second')
	FROM new n WHERE k.id = n.replaces
	RETURNING k.expires_at
)
SELECT EXISTS (SELECT FROM old), coalesce((SELECT o.replaced FROM old o), false),
	message_sender.time_text((SELECT e.expires_at FROM ended e))
