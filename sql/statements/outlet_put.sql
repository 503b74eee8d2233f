-- outlet_put: outlets are added or changed.
-- Parameters: $1 text[] tenants; $2 text[] outlets; $3 text[] numbers; $4 text[] sealed tokens, $5
--   text[] sealed app secrets, both hexadecimal, '': takes it away; $6 text[] time zones; of these
--   null: as it is; $7 boolean[] disabled, so too; $8 text: 'add' (none may be there), 'set' (must
--   be there) or 'put'; $9 text who.
-- Result: one row: how many were added or changed; nothing is done to the others.
-- Index: primary key.  Locks: the rows; hold_version's.
WITH input AS MATERIALIZED (
	SELECT DISTINCT ON (u.tenant_id, u.outlet_id) u.*, o.outlet_id IS NOT NULL AS there,
		decode(nullif(u.token_hex, ''), 'hex') AS token,
		decode(nullif(u.secret_hex, ''), 'hex') AS app_secret
	FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::boolean[]) WITH ORDINALITY
		AS u (tenant_id, outlet_id, number, token_hex, secret_hex, time_zone, disabled, ord)
	LEFT JOIN message_sender.outlet o ON o.tenant_id = u.tenant_id AND o.outlet_id = u.outlet_id
	ORDER BY u.tenant_id, u.outlet_id, u.ord DESC
), changed AS (
	UPDATE message_sender.outlet o
	SET number = coalesce(i.number, o.number),
		token = CASE WHEN i.token_hex IS NULL THEN o.token ELSE i.token END,
		app_secret = CASE WHEN i.secret_hex IS NULL THEN o.app_secret ELSE i.app_secret END,
		time_zone = coalesce(i.time_zone, o.time_zone), changed_at = now(), changed_by = $9::text,
		disabled_at = CASE i.disabled WHEN true THEN coalesce(o.disabled_at, now())
			WHEN false THEN NULL ELSE o.disabled_at END
	FROM input i
	WHERE o.tenant_id = i.tenant_id AND o.outlet_id = i.outlet_id AND i.there
		AND $8::text <> 'add'
	RETURNING o.outlet_id
), added AS (
	INSERT INTO message_sender.outlet (tenant_id, outlet_id, number, token, app_secret, time_zone,
		changed_by, disabled_at)
	SELECT tenant_id, outlet_id, number, token, app_secret, time_zone, $9::text,
		CASE WHEN disabled THEN now() END
	FROM input WHERE NOT there AND $8::text <> 'set'
	ON CONFLICT DO NOTHING
	RETURNING outlet_id
)
SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM added)
