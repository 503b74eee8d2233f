-- rate_set: an outlet's number, or a tenant, gets a rate and a weight of its own.
-- Parameters: $1 text tenant; $2 text outlet, '' for the tenant as a whole; $3 integer messages a
--   second, null: as it is, or the setting's; $4 integer weight, null: as it is, or 1; $5 text who;
--   $6 text why; $7 integer so many rows at most.
-- Result: one row: the rate (null: the setting's) and the weight now; none: there are too many.
-- Index: primary key.  Locks: the row; hold_version's.
INSERT INTO message_sender.rate AS r (tenant_id, outlet_id, rate, weight, set_by, set_at, why)
SELECT $1::text, $2::text, $3::integer, coalesce($4::integer, 1), $5::text, statement_timestamp(),
	$6::text
WHERE (SELECT count(*) FROM message_sender.rate) < $7::integer
	OR EXISTS (SELECT FROM message_sender.rate o
		WHERE o.tenant_id = $1::text AND o.outlet_id = $2::text)
ON CONFLICT (tenant_id, outlet_id) DO UPDATE
SET rate = coalesce($3::integer, r.rate), weight = coalesce($4::integer, r.weight),
	set_by = excluded.set_by, set_at = excluded.set_at, why = excluded.why
RETURNING r.rate, r.weight
