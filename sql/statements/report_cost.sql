-- report_cost: messages that Meta has a price for, by tenant, day, outlet and category.
-- Parameters, result: as report_daily, of report.cost.
SELECT c.tenant_id, c.day, c.outlet_id, c.category, c.pricing_model, c.billable, c.messages
FROM report.cost c
WHERE ($1::text IS NULL OR c.tenant_id = $1::text)
	AND c.day >= coalesce($2::timestamptz, now() - interval '30 days')::date
	AND c.day <= coalesce($3::timestamptz, now() + interval '1 day')::date
ORDER BY c.day DESC, c.tenant_id, c.outlet_id, c.category, c.billable LIMIT $4::integer
