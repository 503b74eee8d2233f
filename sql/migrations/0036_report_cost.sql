-- What messages cost: counted by Meta's pricing category, as its receipts tell.
--
-- Purpose: Meta charges by message, category and country; the receipts name the category and whether
-- it is charged for.  A message counts once, with what the first receipt that names a price says.
-- Counted with the other roll-ups of its slot (0032); a receipt makes the slot due.
-- Locks: new table and view; functions are replaced.

CREATE TABLE message_sender.rollup_cost (
	tenant_id text NOT NULL,
	slot timestamptz NOT NULL,
	day date NOT NULL,
	outlet_id text NOT NULL,
	category text NOT NULL,
	pricing_model text NOT NULL,
	billable boolean NOT NULL,
	messages integer NOT NULL,
	PRIMARY KEY (tenant_id, slot, day, outlet_id, category, pricing_model, billable)
);
CREATE INDEX rollup_cost_day ON message_sender.rollup_cost (day);
COMMENT ON TABLE message_sender.rollup_cost IS
	'messages that have a price, by tenant, hour and Meta''s category';
ALTER TABLE message_sender.rollup_cost ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON message_sender.rollup_cost TO CURRENT_USER USING (true) WITH CHECK (true);

-- As before, with what they cost.
CREATE OR REPLACE FUNCTION message_sender.rollup_count(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
SET timezone = 'UTC'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	since timestamptz := (SELECT s.kept_since FROM rollup_state s FOR UPDATE);
	due record;
	counted integer := 0;
BEGIN
	DELETE FROM rollup_due WHERE slot < since;
	FOR due IN DELETE FROM rollup_due d WHERE (d.tenant_id, d.slot) IN (SELECT t.tenant_id, t.slot
			FROM rollup_due t ORDER BY t.tenant_id, t.slot LIMIT most)
			RETURNING d.tenant_id, d.slot, tenant_time_zone(d.tenant_id) AS zone LOOP
		counted := counted + 1;
		DELETE FROM rollup r WHERE r.tenant_id = due.tenant_id AND r.slot = due.slot;
		DELETE FROM rollup_failure r WHERE r.tenant_id = due.tenant_id AND r.slot = due.slot;
		DELETE FROM rollup_cost r WHERE r.tenant_id = due.tenant_id AND r.slot = due.slot;
		INSERT INTO rollup
		SELECT due.tenant_id, due.slot, m.day, m.outlet_id, m.message_type, m.template, count(*),
			count(*) FILTER (WHERE m.sent_at IS NOT NULL OR m.state IN ('sent', 'delivered', 'read')),
			count(*) FILTER (WHERE m.delivered_at IS NOT NULL OR m.state IN ('delivered', 'read')),
			count(*) FILTER (WHERE m.read_at IS NOT NULL OR m.state = 'read'),
			count(*) FILTER (WHERE state_status(m.state, m.failure_code) = 'failed'),
			count(*) FILTER (WHERE m.state = 'expired'),
			count(*) FILTER (WHERE state_status(m.state, m.failure_code) = 'cancelled'),
			count(*) FILTER (WHERE m.state IN ('queued', 'scheduled', 'sending', 'retrying',
				'unknown')),
			count(*) FILTER (WHERE m.state = 'unknown'),
			bool_or(m.state IN ('queued', 'scheduled', 'sending', 'retrying', 'unknown')
				OR coalesce(m.failed_at > clock_timestamp() - interval '1 hour', false))
		FROM (SELECT t.*, (id_moment(t.message_id) AT TIME ZONE due.zone)::date AS day,
				template_name(t.message_type, t.payload) AS template
			FROM message t WHERE t.tenant_id = due.tenant_id
				AND t.message_id >= id_floor(due.slot)
				AND t.message_id < id_floor(due.slot + interval '1 hour')) AS m
		GROUP BY m.day, m.outlet_id, m.message_type, m.template;
		CONTINUE WHEN NOT FOUND;
		INSERT INTO rollup_failure
		SELECT due.tenant_id, due.slot, (id_moment(m.message_id) AT TIME ZONE due.zone)::date,
			m.outlet_id, coalesce(m.failure_code, 0), count(*),
			coalesce(max(left(m.failure_reason, 300)), '')
		FROM message m WHERE m.tenant_id = due.tenant_id
			AND state_status(m.state, m.failure_code) = 'failed'
			AND m.message_id >= id_floor(due.slot)
			AND m.message_id < id_floor(due.slot + interval '1 hour')
		GROUP BY 3, 4, 5;
		INSERT INTO rollup_cost
		SELECT due.tenant_id, due.slot, (id_moment(m.message_id) AT TIME ZONE due.zone)::date,
			m.outlet_id, p.category, coalesce(p.pricing_model, ''), coalesce(p.billable, false),
			count(*)
		FROM message m
		CROSS JOIN LATERAL (SELECT r.category, r.pricing_model, r.billable FROM receipt r
			WHERE r.message_id = m.message_id AND r.category IS NOT NULL
			ORDER BY r.at LIMIT 1) AS p
		WHERE m.tenant_id = due.tenant_id AND m.message_id >= id_floor(due.slot)
			AND m.message_id < id_floor(due.slot + interval '1 hour')
		GROUP BY 3, 4, 5, 6, 7;
		INSERT INTO rollup_day_due
		SELECT DISTINCT r.tenant_id, r.day FROM rollup r
		WHERE r.tenant_id = due.tenant_id AND r.slot = due.slot
		ON CONFLICT DO NOTHING;
	END LOOP;
	RETURN counted;
END
$$;

-- As before; generated columns come by themselves.
CREATE OR REPLACE FUNCTION message_sender.partitions_drop(days integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	month text;
	ends timestamptz;
	part record;
BEGIN
	SELECT min(substring(c.relname FROM '\d{4}_\d{2}$')) INTO month
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	JOIN pg_class p ON p.oid = i.inhparent
	WHERE p.relnamespace = 'message_sender'::regnamespace AND p.relkind = 'p'
		AND c.relname ~ ('^' || p.relname || '_\d{4}_\d{2}$');
	ends := to_date(month, 'YYYY_MM') + interval '1 month';
	IF month IS NULL OR ends > now() - make_interval(days => days) OR EXISTS (
			SELECT FROM message_sender.rollup_due d WHERE d.slot < ends) THEN
		RETURN NULL;
	END IF;
	UPDATE message_sender.rollup_state SET kept_since = greatest(kept_since, ends);
	FOR part IN SELECT p.relname AS parent, c.relname AS partition,
			(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
			FROM pg_attribute a WHERE a.attrelid = p.oid AND a.attnum > 0
				AND NOT a.attisdropped AND a.attgenerated = '') AS columns
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		JOIN pg_class p ON p.oid = i.inhparent
		WHERE p.relnamespace = 'message_sender'::regnamespace AND p.relkind = 'p'
			AND c.relname = p.relname || '_' || month
		ORDER BY c.relname = 'message_' || month DESC, c.relname LOOP
		EXECUTE format('ALTER TABLE message_sender.%I DETACH PARTITION message_sender.%I',
			part.parent, part.partition);
		EXECUTE format('INSERT INTO message_sender.%1$I (%3$s) SELECT %3$s'
			|| ' FROM message_sender.%2$I h WHERE EXISTS (SELECT FROM message_sender.work w'
			|| ' WHERE w.message_id = h.message_id)', part.parent, part.partition, part.columns);
		EXECUTE format('DROP TABLE message_sender.%I', part.partition);
	END LOOP;
	RETURN replace(month, '_', '-');
END
$$;

-- As before; of histories of messages only.
CREATE OR REPLACE FUNCTION message_sender.history_prune(days integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	-- Never what is younger than the partitions that were dropped.
	upto timestamptz := least(now() - make_interval(days => days),
		(SELECT s.kept_since FROM message_sender.rollup_state s));
	part name;
	rows bigint;
	deleted integer := 0;
BEGIN
	IF NOT isfinite(upto) THEN
		RETURN 0;
	END IF;
	FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		JOIN pg_class p ON p.oid = i.inhparent
		WHERE p.relnamespace = 'message_sender'::regnamespace AND p.relkind = 'p'
			AND c.relname = p.relname || '_default' AND EXISTS (SELECT FROM pg_attribute a
				WHERE a.attrelid = p.oid AND a.attname = 'message_id')
		ORDER BY c.relname LOOP
		EXECUTE format('DELETE FROM message_sender.%1$I WHERE ctid = ANY (ARRAY('
			|| 'SELECT d.ctid FROM message_sender.%1$I d WHERE d.message_id < $1'
			|| ' AND NOT EXISTS (SELECT FROM message_sender.work w'
			|| ' WHERE w.message_id = d.message_id) LIMIT $2))', part)
			USING message_sender.id_floor(upto), most;
		GET DIAGNOSTICS rows = ROW_COUNT;
		deleted := deleted + rows;
	END LOOP;
	RETURN deleted;
END
$$;

-- As before, with cost.
CREATE OR REPLACE FUNCTION message_sender.report_json(name text, tenant text, since date, until date,
	most integer) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, message_sender, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	found json;
BEGIN
	PERFORM set_config('message_sender.tenant', tenant, true);
	IF name = 'daily' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.outlet_id, t.message_type, t.template, sum(t.accepted) AS accepted,
				sum(t.sent) AS sent, sum(t.delivered) AS delivered, sum(t.read) AS read,
				sum(t.failed) AS failed, sum(t.expired) AS expired,
				sum(t.cancelled) AS cancelled, sum(t.waiting) AS waiting,
				sum(t.unknown) AS unknown
			FROM rollup t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			GROUP BY t.day, t.outlet_id, t.message_type, t.template
			ORDER BY t.day DESC, t.outlet_id, t.message_type, t.template LIMIT most) AS r;
	ELSIF name = 'failure' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.outlet_id, t.code, sum(t.failed) AS failed, max(t.reason) AS reason
			FROM rollup_failure t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			GROUP BY t.day, t.outlet_id, t.code
			ORDER BY t.day DESC, t.outlet_id, failed DESC, t.code LIMIT most) AS r;
	ELSIF name = 'latency' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.stage, t.measured, t.p50, t.p95, t.p99, t.longest
			FROM rollup_latency t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			ORDER BY t.day DESC, t.stage LIMIT most) AS r;
	ELSIF name = 'cost' THEN
		SELECT json_agg(r) INTO found FROM (
			SELECT t.day, t.outlet_id, t.category, t.pricing_model, t.billable,
				sum(t.messages) AS messages
			FROM rollup_cost t WHERE t.tenant_id = tenant AND t.day BETWEEN since AND until
			GROUP BY t.day, t.outlet_id, t.category, t.pricing_model, t.billable
			ORDER BY t.day DESC, t.outlet_id, t.category, t.billable LIMIT most) AS r;
	END IF;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('report', name, 'tenant_id', tenant, 'since', since, 'until', until,
		'counted_at', time_text((SELECT s.counted_at FROM rollup_state s)),
		'rows', coalesce(found, '[]'::json));
END
$$;

CREATE VIEW report.cost AS
SELECT r.tenant_id, r.day, r.outlet_id, r.category, r.pricing_model, r.billable,
	sum(r.messages) AS messages
FROM message_sender.rollup_cost r
GROUP BY r.tenant_id, r.day, r.outlet_id, r.category, r.pricing_model, r.billable;
COMMENT ON VIEW report.cost IS
	'What Meta charges for: messages by tenant, day, outlet and pricing category, as receipts tell;'
	' as of about.counted_at. Multiply with Meta''s rate card of your currency.';
COMMENT ON COLUMN report.cost.tenant_id IS 'whose they are';
COMMENT ON COLUMN report.cost.day IS
	'on which they were accepted, in the tenant''s time zone';
COMMENT ON COLUMN report.cost.outlet_id IS 'the branch';
COMMENT ON COLUMN report.cost.category IS
	'Meta''s: marketing, utility, authentication, service and so on';
COMMENT ON COLUMN report.cost.pricing_model IS 'Meta''s: PMP (per message) and so on; empty: not told';
COMMENT ON COLUMN report.cost.billable IS 'Meta charges for them';
COMMENT ON COLUMN report.cost.messages IS 'how many; each message counts once';

-- What has receipts already is counted anew.
INSERT INTO message_sender.rollup_due
SELECT DISTINCT r.tenant_id, r.slot FROM message_sender.rollup r, message_sender.rollup_state s
WHERE r.sent > 0 AND r.slot >= s.kept_since ON CONFLICT DO NOTHING;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		CREATE POLICY tenant ON message_sender.rollup_cost FOR SELECT TO message_sender_reader
			USING (tenant_id = pg_catalog.current_setting('message_sender.tenant', true));
		GRANT SELECT ON message_sender.rollup_cost TO message_sender_reader;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT ON message_sender.rollup_state TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_report') THEN
		GRANT SELECT ON report.cost TO message_sender_report;
	END IF;
END
$$;
