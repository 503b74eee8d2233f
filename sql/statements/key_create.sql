-- key_create: a new API key.
-- Parameters: $1 text id; $2 text its hash, hexadecimal; $3 text tenant, null: any; $4 text outlets,
--   $5 text scopes, divided by commas, outlets null: all; $6 timestamptz its end, null: none;
--   $7 text who; $8 text why.
-- Result: one row.  Index: primary key.  Locks: the new row; api_key_version's.
INSERT INTO message_sender.api_key (id, hash, tenant_id, outlets, scopes, expires_at, created_by, why)
VALUES ($1::text, decode($2::text, 'hex'), $3::text, string_to_array($4::text, ','),
	string_to_array($5::text, ','), $6::timestamptz, $7::text, $8::text)
RETURNING id
