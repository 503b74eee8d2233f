-- Roll-ups: what the history came to, counted by tenant and hour, and kept when it is dropped.
--
-- Purpose: reports over months read some thousand rows instead of every message.  The unit is a
-- slot: the messages of one tenant whose ids are of one hour (UTC); a slot is always counted anew
-- as a whole, from `message`, so counting it twice is no harm and a late receipt only makes it due
-- again.  Due is a slot that has new messages or receipts, one with messages that have not ended,
-- and one in which something failed less than an hour ago (a late reply may still win).  Nobody
-- but `message-sender maintain` works here: sending a message costs nothing more.
-- A row is of one day in the tenant's time zone: where these begin within an hour of UTC a slot has
-- rows of two days.
-- Locks: new tables and functions only.

CREATE TABLE message_sender.tenant_zone (
	tenant_id text PRIMARY KEY CHECK (octet_length(tenant_id) BETWEEN 1 AND 128),
	time_zone text NOT NULL,
	set_by text NOT NULL CHECK (set_by <> ''),
	set_at timestamptz NOT NULL,
	why text NOT NULL
);
COMMENT ON TABLE message_sender.tenant_zone IS
	'tenants whose days in reports are not those of UTC';

CREATE TABLE message_sender.rollup (
	tenant_id text NOT NULL,
	slot timestamptz NOT NULL,
	day date NOT NULL,
	outlet_id text NOT NULL,
	message_type text NOT NULL,
	template text NOT NULL,             -- '': it is none
	accepted integer NOT NULL,
	sent integer NOT NULL,              -- these four: so far at least
	delivered integer NOT NULL,
	read integer NOT NULL,
	failed integer NOT NULL,
	expired integer NOT NULL,
	cancelled integer NOT NULL,
	waiting integer NOT NULL,           -- not ended, unknown ones too
	unknown integer NOT NULL,
	again boolean NOT NULL,             -- it may change without a receipt
	PRIMARY KEY (tenant_id, slot, day, outlet_id, message_type, template)
);
CREATE INDEX rollup_day ON message_sender.rollup (day);
CREATE INDEX rollup_again ON message_sender.rollup (tenant_id, slot) WHERE again;
COMMENT ON TABLE message_sender.rollup IS 'messages counted by tenant, hour and what they are';

CREATE TABLE message_sender.rollup_failure (
	tenant_id text NOT NULL,
	slot timestamptz NOT NULL,
	day date NOT NULL,
	outlet_id text NOT NULL,
	code integer NOT NULL,
	failed integer NOT NULL,
	reason text NOT NULL,               -- of one of them
	PRIMARY KEY (tenant_id, slot, day, outlet_id, code)
);
CREATE INDEX rollup_failure_day ON message_sender.rollup_failure (day);
COMMENT ON TABLE message_sender.rollup_failure IS 'messages that failed, by tenant, hour and code';

CREATE TABLE message_sender.rollup_latency (
	tenant_id text NOT NULL,
	day date NOT NULL,
	stage text NOT NULL,
	measured integer NOT NULL,
	p50 real NOT NULL,                  -- seconds
	p95 real NOT NULL,
	p99 real NOT NULL,
	longest real NOT NULL,
	counted_at timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, day, stage)
);
CREATE INDEX rollup_latency_day ON message_sender.rollup_latency (day);
COMMENT ON TABLE message_sender.rollup_latency IS 'how long messages took, by tenant and day';

CREATE TABLE message_sender.rollup_due (
	tenant_id text NOT NULL,
	slot timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, slot)
);
COMMENT ON TABLE message_sender.rollup_due IS 'slots to be counted';

CREATE TABLE message_sender.rollup_day_due (
	tenant_id text NOT NULL,
	day date NOT NULL,
	PRIMARY KEY (tenant_id, day)
);
COMMENT ON TABLE message_sender.rollup_day_due IS 'days whose latencies are to be measured';

CREATE TABLE message_sender.rollup_state (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	looked_at timestamptz NOT NULL,     -- all that was committed by then was found
	counted_at timestamptz,             -- what was committed by then is counted; null: never yet
	kept_since timestamptz NOT NULL     -- older messages were dropped: their slots stay as they are
);
COMMENT ON TABLE message_sender.rollup_state IS 'how far roll-ups have come';
INSERT INTO message_sender.rollup_state (looked_at, kept_since) VALUES ('-infinity', '-infinity');

-- The moment in a UUIDv7.
CREATE FUNCTION message_sender.id_moment(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint
		/ 1000.0)
$$;

CREATE FUNCTION message_sender.id_slot(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.date_trunc('hour', message_sender.id_moment(id), 'UTC')
$$;

CREATE FUNCTION message_sender.tenant_time_zone(tenant text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT coalesce((SELECT z.time_zone FROM message_sender.tenant_zone z
		WHERE z.tenant_id = tenant), 'UTC')
$$;

-- What a template is called; '' for messages of other types.
CREATE FUNCTION message_sender.template_name(message_type text, payload text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN message_type = 'template' THEN coalesce(payload::json ->> 'name', '')
		ELSE '' END
$$;

-- Finds the slots that are due.  Ids and receipts are looked at from ten minutes before the last
-- look on, as they may commit late; bulk calls, whose messages have the time of the call, as long
-- as they may be repeated.
CREATE FUNCTION message_sender.rollup_find() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	s rollup_state;
	since timestamptz;
	found_at timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO s FROM rollup_state FOR UPDATE;
	since := s.looked_at - interval '10 minutes';
	INSERT INTO rollup_due (tenant_id, slot)
	SELECT tenant_id, slot FROM (
		SELECT m.tenant_id, id_slot(m.message_id) AS slot FROM message m
		WHERE m.message_id >= CASE WHEN isfinite(since) THEN id_floor(since)
			ELSE '00000000-0000-0000-0000-000000000000'::uuid END
		UNION
		SELECT m.tenant_id, id_slot(m.message_id) FROM receipt r
		JOIN message m ON m.message_id = r.message_id
		WHERE r.received_at >= since
		UNION
		SELECT b.tenant_id, id_slot(b.batch_id) FROM batch b
		WHERE b.batch_id >= id_floor(found_at - interval '8 days')
			AND (b.closed_at IS NULL OR b.closed_at >= since)
		UNION
		SELECT r.tenant_id, r.slot FROM rollup r WHERE r.again
	) AS due
	WHERE slot >= s.kept_since
	ORDER BY tenant_id, slot
	ON CONFLICT DO NOTHING;
	UPDATE rollup_state SET looked_at = found_at;
	RETURN (SELECT count(*) FROM rollup_due);
END
$$;

-- Counts at most so many slots that are due; returns how many there were.  0: none is left.
CREATE FUNCTION message_sender.rollup_count(most integer) RETURNS integer
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
		INSERT INTO rollup_day_due
		SELECT DISTINCT r.tenant_id, r.day FROM rollup r
		WHERE r.tenant_id = due.tenant_id AND r.slot = due.slot
		ON CONFLICT DO NOTHING;
	END LOOP;
	RETURN counted;
END
$$;

-- Measures the latencies of at most so many days; returns how many.  A day whose figures are less
-- than an hour old waits.
CREATE FUNCTION message_sender.rollup_measure(most integer) RETURNS integer
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
	measured integer := 0;
BEGIN
	FOR due IN DELETE FROM rollup_day_due d WHERE (d.tenant_id, d.day) IN (
			SELECT t.tenant_id, t.day FROM rollup_day_due t
			WHERE NOT EXISTS (SELECT FROM rollup_latency l WHERE l.tenant_id = t.tenant_id
				AND l.day = t.day AND l.counted_at > clock_timestamp() - interval '1 hour')
			ORDER BY t.tenant_id, t.day LIMIT most)
			RETURNING d.tenant_id, d.day, tenant_time_zone(d.tenant_id) AS zone LOOP
		measured := measured + 1;
		CONTINUE WHEN due.day::timestamp AT TIME ZONE due.zone < since;
		DELETE FROM rollup_latency l WHERE l.tenant_id = due.tenant_id AND l.day = due.day;
		INSERT INTO rollup_latency
		SELECT due.tenant_id, due.day, s.stage, s.measured, s.p[1], s.p[2], s.p[3], s.longest,
			clock_timestamp()
		FROM (
			SELECT v.stage, count(*) AS measured, percentile_cont(ARRAY[0.5, 0.95, 0.99])
				WITHIN GROUP (ORDER BY v.seconds) AS p, max(v.seconds) AS longest
			FROM (
				SELECT m.*, a.begun_at, b.ended_at - b.begun_at AS called
				FROM message m
				LEFT JOIN attempt a ON a.message_id = m.message_id AND a.attempt = 1
				LEFT JOIN attempt b ON b.message_id = m.message_id AND b.outcome = 'accepted'
				WHERE m.tenant_id = due.tenant_id
					AND m.message_id >= id_floor(due.day::timestamp AT TIME ZONE due.zone)
					AND m.message_id < id_floor((due.day + 1)::timestamp AT TIME ZONE due.zone)
			) AS m
			CROSS JOIN LATERAL (SELECT t.stage,
					greatest(extract(epoch FROM t.took), 0)::double precision AS seconds
				FROM (VALUES ('wait', m.begun_at - greatest(m.accepted_at, m.send_at)),
					('call', m.called),
					('send', m.sent_at - greatest(m.accepted_at, m.send_at)),
					('deliver', m.delivered_at - m.sent_at),
					('read', m.read_at - m.delivered_at)) AS t (stage, took)
				WHERE t.took IS NOT NULL) AS v
			GROUP BY v.stage
		) AS s;
	END LOOP;
	RETURN measured;
END
$$;

-- Nothing is left due: what is counted is as of the last look.
CREATE FUNCTION message_sender.rollup_done() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE message_sender.rollup_state SET counted_at = looked_at
$$;

-- What was counted by other days is counted anew, as far as its messages are kept.
CREATE FUNCTION message_sender.tenant_zone_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	tenant text := coalesce(NEW.tenant_id, OLD.tenant_id);
	since timestamptz := (SELECT s.kept_since FROM rollup_state s);
BEGIN
	INSERT INTO rollup_due SELECT DISTINCT r.tenant_id, r.slot FROM rollup r
	WHERE r.tenant_id = tenant AND r.slot >= since ON CONFLICT DO NOTHING;
	DELETE FROM rollup_latency l WHERE l.tenant_id = tenant AND l.day > since;
	RETURN NULL;
END
$$;
CREATE TRIGGER tenant_zone_changed AFTER INSERT OR UPDATE OR DELETE ON message_sender.tenant_zone
	FOR EACH ROW EXECUTE FUNCTION message_sender.tenant_zone_changed();

-- Drops the partitions of the oldest month that ended more than so many days ago, of all histories
-- at once; null: there is none.  Messages with something left to do (scheduled far ahead, unknown,
-- never stored) go on in the default partitions.  What is to be kept of the rest must have been
-- counted: nothing is dropped while a slot of the month is due.
CREATE FUNCTION message_sender.partitions_drop(days integer) RETURNS text
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
	FOR part IN SELECT p.relname AS parent, c.relname AS partition
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		JOIN pg_class p ON p.oid = i.inhparent
		WHERE p.relnamespace = 'message_sender'::regnamespace AND p.relkind = 'p'
			AND c.relname = p.relname || '_' || month
		ORDER BY c.relname = 'message_' || month DESC, c.relname LOOP
		EXECUTE format('ALTER TABLE message_sender.%I DETACH PARTITION message_sender.%I',
			part.parent, part.partition);
		EXECUTE format('INSERT INTO message_sender.%I SELECT * FROM message_sender.%I h'
			|| ' WHERE EXISTS (SELECT FROM message_sender.work w'
			|| ' WHERE w.message_id = h.message_id)', part.parent, part.partition);
		EXECUTE format('DROP TABLE message_sender.%I', part.partition);
	END LOOP;
	RETURN replace(month, '_', '-');
END
$$;

-- As much of what the default partitions have that old and has ended; how many rows.
CREATE FUNCTION message_sender.history_prune(days integer, most integer) RETURNS integer
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
			AND c.relname = p.relname || '_default' ORDER BY c.relname LOOP
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

REVOKE ALL ON FUNCTION message_sender.history_prune(integer, integer),
	message_sender.rollup_find(), message_sender.rollup_count(integer),
	message_sender.rollup_measure(integer), message_sender.rollup_done(),
	message_sender.partitions_drop(integer), message_sender.tenant_zone_changed() FROM PUBLIC;

DO $$
DECLARE
	part text;
	who name;
BEGIN
	-- The tables with a tenant are under row-level security, as message is (0009).
	FOREACH part IN ARRAY ARRAY['tenant_zone', 'rollup', 'rollup_failure', 'rollup_latency',
			'rollup_due', 'rollup_day_due'] LOOP
		EXECUTE format('ALTER TABLE message_sender.%I ENABLE ROW LEVEL SECURITY,'
			|| ' FORCE ROW LEVEL SECURITY', part);
		EXECUTE format('CREATE POLICY owner ON message_sender.%I TO CURRENT_USER'
			|| ' USING (true) WITH CHECK (true)', part);
	END LOOP;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'message_sender_reader') THEN
		FOREACH part IN ARRAY ARRAY['rollup', 'rollup_failure', 'rollup_latency'] LOOP
			EXECUTE format('CREATE POLICY tenant ON message_sender.%I FOR SELECT'
				|| ' TO message_sender_reader'
				|| ' USING (tenant_id = current_setting(''message_sender.tenant'', true))', part);
			EXECUTE format('GRANT SELECT ON message_sender.%I TO message_sender_reader', part);
		END LOOP;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'message_sender_app') THEN
		CREATE POLICY app ON message_sender.tenant_zone TO message_sender_app
			USING (true) WITH CHECK (true);
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.tenant_zone TO message_sender_app;
	END IF;
	FOR who IN SELECT rolname FROM pg_roles
			WHERE rolname IN ('message_sender_maintenance', 'message_sender_app') LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION message_sender.rollup_find(),'
			|| ' message_sender.rollup_count(integer), message_sender.rollup_measure(integer),'
			|| ' message_sender.rollup_done(), message_sender.partitions_drop(integer),'
			|| ' message_sender.history_prune(integer, integer) TO %I', who);
	END LOOP;
END
$$;
