-- secret_next: outlets with a secret that is sealed with another key than that of now, in order.
-- Parameters: $1 text hexadecimal, how what is sealed now begins; $2 text tenant, $3 text outlet:
--   behind this one, '' from the first on; $4 integer so many at most.
-- Result: a row each: tenant, outlet, sealed token, sealed app secret (hexadecimal, null: none).
-- Index: primary key.  Locks: none.
SELECT o.tenant_id, o.outlet_id, encode(o.token, 'hex'), encode(o.app_secret, 'hex')
FROM message_sender.outlet o
WHERE (o.tenant_id, o.outlet_id) > ($2::text, $3::text)
	AND (substr(o.token, 1, length(decode($1::text, 'hex'))) <> decode($1::text, 'hex')
		OR substr(o.app_secret, 1, length(decode($1::text, 'hex'))) <> decode($1::text, 'hex'))
ORDER BY o.tenant_id, o.outlet_id LIMIT $4::integer
