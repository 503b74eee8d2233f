-- quota_put: tenants get limits, or have them changed; 0 is one too.
-- Parameters: $1 text[] tenants; $2 bigint[] daily, $3 bigint[] monthly, null: as it is (of a new
--   one: no limit); $4 text: 'add' (none may be there), 'set' or 'put'; $5 text who.
-- Result: one row: how many were added or changed.
-- Index: primary key.  Locks: the rows.
WITH input AS MATERIALIZED (
	SELECT DISTINCT ON (u.tenant_id) u.*
	FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
		AS u (tenant_id, daily, monthly, ord)
	ORDER BY u.tenant_id, u.ord DESC
), put AS (
	INSERT INTO message_sender.quota AS q (tenant_id, daily, monthly, set_by)
	SELECT tenant_id, daily, monthly, $5::text FROM input
	ON CONFLICT (tenant_id) DO UPDATE
	SET daily = coalesce(excluded.daily, q.daily), monthly = coalesce(excluded.monthly, q.monthly),
		set_by = excluded.set_by, set_at = now()
	WHERE $4::text <> 'add'
	RETURNING 1
)
SELECT count(*) FROM put
