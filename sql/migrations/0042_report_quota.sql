-- Quota use as a report: what tenants with limits of ours have used of their day and month.
--
-- Purpose: as quota_used() (0037) tells people; here in the view itself, as a function would run with
-- the rights of whoever reads.
-- Locks: a new view only.

CREATE VIEW report.quota AS
SELECT q.tenant_id, t.today AS day, q.daily, greatest(c.day_change
		+ CASE WHEN q.day = t.today THEN q.day_used ELSE 0 END, 0)::bigint AS day_used,
	q.monthly, greatest(c.month_change + CASE WHEN date_trunc('month', q.day)
		= date_trunc('month', t.today) THEN q.month_used ELSE 0 END, 0)::bigint AS month_used,
	q.set_by, q.set_at
FROM message_sender.quota q
LEFT JOIN message_sender.tenant_zone z ON z.tenant_id = q.tenant_id
CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE coalesce(z.time_zone, 'UTC'))::date AS today) AS t
CROSS JOIN LATERAL (SELECT
		coalesce(sum(k.amount) FILTER (WHERE k.charged_on = t.today), 0) AS day_change,
		coalesce(sum(k.amount) FILTER (WHERE date_trunc('month', k.charged_on)
			= date_trunc('month', t.today)), 0) AS month_change
	FROM message_sender.quota_change k
	WHERE k.tenant_id = q.tenant_id AND NOT k.counted) AS c;
COMMENT ON VIEW report.quota IS
	'What tenants with a quota have used of it now (without a Tenant Service).';
COMMENT ON COLUMN report.quota.tenant_id IS 'whose it is';
COMMENT ON COLUMN report.quota.day IS 'today, in the tenant''s time zone';
COMMENT ON COLUMN report.quota.daily IS 'messages a day; null: no limit';
COMMENT ON COLUMN report.quota.day_used IS 'of these; what ended unsent is given back';
COMMENT ON COLUMN report.quota.monthly IS 'messages a month; null: no limit';
COMMENT ON COLUMN report.quota.month_used IS 'of these';
COMMENT ON COLUMN report.quota.set_by IS 'who set the limits';
COMMENT ON COLUMN report.quota.set_at IS 'when';

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_report') THEN
		GRANT SELECT ON report.quota TO message_sender_report;
	END IF;
END
$$;
