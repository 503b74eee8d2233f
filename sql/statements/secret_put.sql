-- secret_put: an outlet's secrets, sealed anew, unless they have changed meanwhile.
-- Parameters: $1 text tenant; $2 text outlet; $3, $4 token as it was and as it is to be, $5, $6 app
--   secret so too: hexadecimal, null: none.
-- Result: one row: 1, or 0: they are others now.
-- Index: primary key.  Locks: the row.
WITH put AS (
	UPDATE message_sender.outlet o
	SET token = decode($4::text, 'hex'), app_secret = decode($6::text, 'hex')
	WHERE o.tenant_id = $1::text AND o.outlet_id = $2::text
		AND o.token IS NOT DISTINCT FROM decode($3::text, 'hex')
		AND o.app_secret IS NOT DISTINCT FROM decode($5::text, 'hex')
	RETURNING 1
)
SELECT count(*) FROM put
