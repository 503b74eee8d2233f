-- tenant_put: tenants are added or changed; of several rows in order of their ids.
-- Parameters: $1 text[] tenants; $2 text[] names, $3 text[] time zones, null: as they are; $4
--   boolean[] disabled, so too; $5 text: 'add' (none may be there), 'set' (must be there) or 'put';
--   $6 text who.
-- Result: one row: how many were added or changed; nothing is done to the others.
-- Indexes: primary keys.  Locks: the rows; hold_version's; those of the tenants' latencies.
WITH input AS MATERIALIZED (
	SELECT DISTINCT ON (u.tenant_id) u.*, t.tenant_id IS NOT NULL AS there
	FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY
		AS u (tenant_id, name, time_zone, disabled, ord)
	LEFT JOIN message_sender.tenant t ON t.tenant_id = u.tenant_id
	ORDER BY u.tenant_id, u.ord DESC
), changed AS (
	UPDATE message_sender.tenant t
	SET name = coalesce(i.name, t.name),
		disabled_at = CASE i.disabled WHEN true THEN coalesce(t.disabled_at, now())
			WHEN false THEN NULL ELSE t.disabled_at END
	FROM input i
	WHERE t.tenant_id = i.tenant_id AND i.there AND $5::text <> 'add'
	RETURNING t.tenant_id
), added AS (
	INSERT INTO message_sender.tenant (tenant_id, name, disabled_at)
	SELECT tenant_id, coalesce(name, ''),
		CASE WHEN disabled THEN now() END
	FROM input WHERE NOT there AND $5::text <> 'set'
	ON CONFLICT DO NOTHING
	RETURNING tenant_id
), zoned AS (
	INSERT INTO message_sender.tenant_zone (tenant_id, time_zone, set_by, set_at, why)
	SELECT i.tenant_id, i.time_zone, $6::text, now(), ''
	FROM input i
	WHERE now() AT TIME ZONE i.time_zone IS NOT NULL AND i.tenant_id IN (
		SELECT tenant_id FROM changed UNION ALL SELECT tenant_id FROM added)
	ORDER BY i.tenant_id
	ON CONFLICT (tenant_id) DO UPDATE SET time_zone = excluded.time_zone,
		set_by = excluded.set_by, set_at = excluded.set_at, why = excluded.why
	WHERE tenant_zone.time_zone <> excluded.time_zone
)
SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM added)
