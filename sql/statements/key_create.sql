-- key_create: a new API key.
-- Parameters: $1 text id; $2 text its hash, hexadecimal; $3 text tenant, null: any; $4 text outlets,
--   $5 text scopes, divided by commas, outlets null: all; $6 timestamptz its end, null: none;
--   $7 text who; $8 text why; $9 text whose tenants there are: any (a Tenant Service's), own, or
--   unsure: own if there is one.
-- Result: one row; none: there is no such tenant.  Index: primary keys.  Locks: the new row;
--   api_key_version's.
INSERT INTO message_sender.api_key (id, hash, tenant_id, outlets, scopes, expires_at, created_by, why)
SELECT $1::text, decode($2::text, 'hex'), $3::text, string_to_array($4::text, ','),
	string_to_array($5::text, ','), $6::timestamptz, $7::text, $8::text
WHERE $3::text IS NULL OR $9::text = 'any'
	OR EXISTS (SELECT FROM message_sender.tenant t WHERE t.tenant_id = $3::text)
	OR ($9::text = 'unsure' AND NOT EXISTS (SELECT FROM message_sender.tenant))
RETURNING id
