-- What Meta reports as failed is sent again, and stays sent to who asks.
--
-- Purpose: a message that was sent, was reported as failed and waits for its next attempt is `retrying`,
-- as any other; that it was sent once tells its sent_at.  Whoever shows a status shows `sent` for it
-- until it is delivered or has failed.  Where its copy has been stored already, its work says so.
-- Locks: ACCESS EXCLUSIVE on work for a moment; functions and a view.

ALTER TABLE message_sender.work ADD COLUMN copied boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN message_sender.work.copied IS
	'the Conversation Service has its copy, of an attempt that failed later';

-- A status never goes back: what WhatsApp has accepted once is sent, whatever it waits for.  The
-- program has the same rule, a test compares them.  Read when it is made, as a view is, since who
-- reads reports may not look into this schema.
CREATE FUNCTION message_sender.state_status(state text, code integer, sent_at timestamptz)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN sent_at IS NOT NULL AND message_sender.state_status(state, code) = 'queued'
	THEN 'sent' ELSE message_sender.state_status(state, code) END;

-- The functions and the view that follow are as before, by that rule.

CREATE OR REPLACE FUNCTION message_sender.message_json(m message_sender.message, live text,
	begun smallint, sender text) RETURNS json
LANGUAGE sql STABLE
AS $$
	SELECT pg_catalog.json_build_object(
		'message_id', m.message_id, 'tenant_id', m.tenant_id, 'outlet_id', m.outlet_id,
		'conversation_id', m.conversation_id, 'to', m.recipient,
		'message_type', m.message_type, 'sender_type', m.sender_type, 'priority', message_sender.class_name(m.class),
		'send_at', message_sender.time_text(m.send_at), 'deliver_between', m.deliver_between::json,
		'expires_at', message_sender.time_text(m.valid_until), 'batch_id', m.batch_id,
		'status', message_sender.state_status(
			message_sender.state_exact(m.state, live), m.failure_code, m.sent_at),
		'state_detail', message_sender.state_detail(
			message_sender.state_exact(m.state, live), m.failure_code),
		'whatsapp_message_id', m.wamid, 'number', coalesce(m.number, sender),
		'attempts', greatest(m.attempts, begun),
		'accepted_at', message_sender.time_text(m.accepted_at),
		'sent_at', message_sender.time_text(m.sent_at),
		'delivered_at', message_sender.time_text(m.delivered_at),
		'read_at', message_sender.time_text(m.read_at),
		'failed_at', message_sender.time_text(m.failed_at),
		'failure_reason', coalesce(m.failure_reason, ''))
$$;

CREATE OR REPLACE FUNCTION message_sender.message_list(tenant text, wanted text, since timestamptz,
	before uuid, most integer) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, message_sender, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	least uuid := coalesce(id_floor(since), '00000000-0000-0000-0000-000000000000'::uuid);
	greatest_id uuid := coalesce(before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid);
	m message_sender.message;
	live_state text;
	live_attempt smallint;
	live_number text;
	found_rows json[] := '{}';
	looked integer := 0;
	last_id uuid;
	next_cursor uuid;
BEGIN
	PERFORM set_config('message_sender.tenant', tenant, true);
	FOR m IN SELECT t.* FROM message_sender.message t
			WHERE t.tenant_id = tenant AND t.message_id >= least
				AND t.message_id < greatest_id
			ORDER BY t.message_id DESC LIMIT 5001 LOOP
		IF cardinality(found_rows) = most OR looked = 5000 THEN
			next_cursor := last_id;
			EXIT;
		END IF;
		looked := looked + 1;
		last_id := m.message_id;
		live_state := NULL;
		live_attempt := NULL;
		live_number := NULL;
		IF state_status(m.state, m.failure_code) = 'queued'
				AND coalesce(wanted, 'queued') IN ('queued', state_status(m.state, m.failure_code, m.sent_at))
				OR m.state = 'scheduled' THEN
			SELECT * INTO live_state, live_attempt, live_number FROM message_live(m.message_id);
		END IF;
		CONTINUE WHEN state_status(state_exact(m.state, live_state), m.failure_code,
			m.sent_at) <> wanted;
		found_rows := found_rows || message_json(m, live_state, live_attempt, live_number);
	END LOOP;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('messages', array_to_json(found_rows), 'next_cursor', next_cursor);
END
$$;

CREATE OR REPLACE FUNCTION message_sender.batch_status(id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	b message_sender.batch;
	s record;
	per_second numeric;
BEGIN
	SELECT * INTO b FROM message_sender.batch t WHERE t.batch_id = id;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT count(*) AS taken,
		count(*) FILTER (WHERE c.status = 'queued') AS queued,
		count(*) FILTER (WHERE c.status = 'scheduled') AS scheduled,
		count(*) FILTER (WHERE c.status = 'sent') AS sent,
		count(*) FILTER (WHERE c.status = 'delivered') AS delivered,
		count(*) FILTER (WHERE c.status = 'read') AS read,
		count(*) FILTER (WHERE c.status = 'failed') AS failed,
		count(*) FILTER (WHERE c.status = 'expired') AS expired,
		count(*) FILTER (WHERE c.status = 'cancelled') AS cancelled,
		count(*) FILTER (WHERE e.sent_at > clock_timestamp() - interval '10 seconds') AS lately,
		extract(epoch FROM clock_timestamp() - min(e.sent_at) FILTER (
			WHERE e.sent_at > clock_timestamp() - interval '10 seconds')) AS seconds
	INTO s
	FROM (SELECT state_exact(m.state, (SELECT w.state FROM message_sender.work w
			WHERE w.message_id = m.message_id)) AS state, m.failure_code, m.sent_at
		FROM message_sender.message m
		WHERE m.message_id BETWEEN batch_floor(id) AND batch_ceiling(id) AND m.batch_id = id
		OFFSET 0) AS e -- so that work is looked up once, where state_exact() needs it
	CROSS JOIN LATERAL (SELECT state_status(e.state, e.failure_code, e.sent_at) AS status) AS c;
	per_second := round(coalesce(s.lately / greatest(s.seconds, 1), 0), 1);
	RETURN json_build_object('batch_id', id, 'tenant_id', b.tenant_id,
		'accepted_at', time_text(b.opened_at), 'complete', b.closed_at IS NOT NULL,
		'cancelled_at', time_text(b.cancelled_at), 'messages', b.messages,
		'accepted', coalesce(b.accepted, s.taken), 'refused', b.refused,
		'statuses', json_build_object('queued', s.queued, 'scheduled', s.scheduled,
			'sent', s.sent, 'delivered', s.delivered, 'read', s.read, 'failed', s.failed,
			'expired', s.expired, 'cancelled', s.cancelled),
		'sent_per_second', per_second,
		'estimated_end', CASE WHEN s.queued > 0 AND per_second > 0 THEN time_text(
			clock_timestamp() + s.queued / per_second * interval '1 second') END);
END
$$;

CREATE OR REPLACE VIEW report.message AS
SELECT m.message_id, m.tenant_id, m.outlet_id, m.conversation_id, m.batch_id, m.recipient,
	m.message_type, nullif(message_sender.template_name(m.message_type, m.payload), '') AS template,
	message_sender.class_name(m.class) AS priority, m.sender_type,
	coalesce(m.number, w.number) AS number,
	message_sender.state_status(message_sender.state_exact(m.state, w.state), m.failure_code,
		m.sent_at) AS status,
	message_sender.state_detail(message_sender.state_exact(m.state, w.state), m.failure_code)
		AS state_detail,
	m.wamid AS whatsapp_message_id, greatest(m.attempts, w.attempt) AS attempts, m.accepted_at,
	m.send_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at,
	CASE WHEN m.failed_at IS NOT NULL THEN m.failure_code END AS failure_code,
	CASE WHEN m.failed_at IS NOT NULL THEN m.failure_reason END AS failure_reason
FROM message_sender.message m
LEFT JOIN message_sender.work w ON w.message_id = m.message_id;

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
			count(*) FILTER (WHERE m.sent_at IS NULL AND m.state IN ('queued', 'scheduled',
				'sending', 'retrying', 'unknown')),
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

-- And what was sent once keeps its wamid and its time.
CREATE OR REPLACE FUNCTION message_sender.resolve(id uuid, what text, reason text, who text,
	known_wamid text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w message_sender.work;
	restored boolean;
	copy_owed boolean;
	now_at timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO w FROM message_sender.work k WHERE k.message_id = id FOR UPDATE;
	IF NOT FOUND OR w.state <> 'unknown' OR w.attempt_open THEN
		RETURN coalesce((SELECT 'it is not unknown: its state is '
				|| CASE WHEN m.state IN ('queued', 'sending', 'retrying', 'unknown')
					THEN coalesce(w.state, m.state) ELSE m.state END
			FROM message_sender.message m WHERE m.message_id = id),
			'there is no message with this id');
	END IF;
	restored := EXISTS (SELECT FROM message_sender.attempt a WHERE a.message_id = id
		AND a.attempt = w.attempt AND a.code = -13);
	INSERT INTO message_sender.decision (message_id, attempt, decision, decided_by, why,
		decided_at)
	VALUES (id, w.attempt, what, who, reason, now_at);
	UPDATE message_sender.message m
	SET state = CASE what WHEN 'resend' THEN 'retrying' ELSE what END,
		wamid = coalesce(CASE WHEN what = 'sent' THEN known_wamid END, m.wamid),
		sent_at = coalesce(m.sent_at, CASE WHEN what = 'sent' THEN now_at END),
		failed_at = CASE WHEN what = 'failed' THEN now_at END,
		failure_code = CASE WHEN what = 'failed' THEN CASE WHEN restored THEN -13 ELSE -8 END END,
		failure_reason = CASE WHEN what = 'failed' THEN CASE WHEN restored
			THEN 'PostgreSQL was restored or failed over' ELSE 'the reply was lost' END
			|| '; it was decided that the message was not sent' END
	WHERE m.message_id = id AND m.state IN ('queued', 'sending', 'retrying', 'unknown')
	RETURNING m.conversation_id IS NOT NULL AND m.wamid IS NOT NULL AND NOT w.copied
	INTO copy_owed;
	IF what = 'resend' THEN
		UPDATE message_sender.work k
		SET state = 'retrying', wait = 0, due_at = now_at, caller_waits = false, counted = 0,
			throttled = 0, expires_at = greatest(k.expires_at, now_at + interval '1 hour')
		WHERE k.message_id = id;
	ELSIF what = 'sent' AND copy_owed THEN
		UPDATE message_sender.work k SET state = 'sent', wait = 1, due_at = now_at
		WHERE k.message_id = id;
	ELSE
		DELETE FROM message_sender.work k WHERE k.message_id = id;
	END IF;
	RETURN NULL;
END
$$;

-- And the receipts that led to another attempt come before the decision, which the wait is for.
CREATE OR REPLACE FUNCTION message_sender.message_timeline(id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	document json := message_events(id);
	lines json;
	shown text := (SELECT state_status(state_exact(m.state, w.state), m.failure_code, m.sent_at)
		FROM message_sender.message m LEFT JOIN message_sender.work w USING (message_id)
		WHERE m.message_id = id);
BEGIN
	IF document IS NULL THEN
		RETURN NULL;
	END IF;
	WITH told AS MATERIALIZED (
		SELECT e.place, e.event
		FROM json_array_elements(document -> 'events') WITH ORDINALITY AS e (event, place)
	), again AS (
		SELECT t.event, 'attempt ' || (t.event ->> 'attempt')::integer + 1 AS waits_for,
			(SELECT r.code FROM message_sender.receipt r WHERE r.message_id = id
				AND r.attempt = (t.event ->> 'attempt')::smallint AND r.status = 'failed'
				ORDER BY r.received_at LIMIT 1) AS code
		FROM told t WHERE t.event ->> 'event' = 'resolved'
			AND t.event ->> 'by' = 'policy:receipt'
	), line (place, step, event) AS (
		SELECT e.place::numeric, 0, CASE WHEN e.event ->> 'event' = 'waiting'
				AND s.policy IS NOT NULL
			THEN json_build_object('at', e.event -> 'at', 'event', 'waiting',
				'for', CASE WHEN s.decides_at IS NULL THEN 'a person to decide'
					WHEN s.policy = 'resend' THEN 'its policy, to be sent again'
					WHEN s.policy = 'fail' THEN 'its policy, to be given up'
					ELSE 'evidence or a decision' END,
				'until', time_text_ms(s.decides_at), 'code', e.event -> 'code',
				'reason', e.event -> 'reason', 'policy', s.policy, 'policy_of', s.policy_of)
			WHEN a.event IS NOT NULL
			THEN json_build_object('at', a.event -> 'at', 'event', e.event -> 'event',
				'for', e.event -> 'for', 'until', e.event -> 'until', 'code', a.code,
				'reason', 'WhatsApp reported attempt ' || (a.event ->> 'attempt') || ' as failed')
			ELSE e.event END
		FROM told e LEFT JOIN message_settling(id) AS s ON true
		LEFT JOIN again a ON e.event ->> 'event' IN ('waiting', 'waited')
			AND e.event ->> 'for' = a.waits_for AND e.event ->> 'reason' IS NULL
		UNION ALL
		SELECT coalesce((SELECT min(t.place) FROM told t WHERE t.event ->> 'event' IN
				('sent', 'delivered', 'read', 'failed', 'cancelled', 'expired')
				OR t.event ->> 'event' = 'attempt_begun'
					AND (t.event ->> 'attempt')::integer > r.attempt
				OR t.event ->> 'event' = 'resolved' AND t.event ->> 'by' = 'policy:receipt'
					AND (t.event ->> 'attempt')::integer = r.attempt
					AND r.event ->> 'received_at' <= t.event ->> 'at') - 0.5, 1000000), r.place,
			r.event
		FROM receipt_lines(id) AS r
		UNION ALL
		SELECT 1.5, 0, json_build_object('at', time_text_ms(r.replayed_at), 'event', 'replay',
			'of', r.replay_of, 'by', r.replayed_by, 'why', r.why)
		FROM message_sender.replay r WHERE r.message_id = id
		UNION ALL
		SELECT 1000000 + r.number, 0, json_build_object('at', time_text_ms(r.replayed_at),
			'event', 'replayed', 'as', r.message_id, 'by', r.replayed_by, 'why', r.why)
		FROM message_sender.replay r WHERE r.replay_of = id
	)
	SELECT json_agg(l.event ORDER BY l.place, l.step) INTO lines FROM line l;
	RETURN with_replay((SELECT json_object_agg(e.key, CASE e.key WHEN 'events' THEN lines
			WHEN 'status' THEN to_json(shown) ELSE e.value END)
		FROM json_each(document) AS e), id);
END
$$;

-- duplicate: the recipient has got another attempt of it as well.
CREATE OR REPLACE FUNCTION message_sender.receipt_lines(id uuid)
RETURNS TABLE (attempt smallint, place bigint, event json)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT r.attempt, row_number() OVER (ORDER BY r.attempt, r.at, r.received_at, r.status),
		json_build_object('at', time_text_ms(r.at), 'event', 'receipt', 'source', 'meta',
			'attempt', r.attempt, 'status', r.status, 'received_at', time_text_ms(r.received_at),
			'whatsapp_message_id', r.wamid, 'code', r.code, 'title', r.title,
			'details', r.details, 'category', r.category,
			'contradicts', CASE WHEN r.status = 'failed' THEN m.state IN ('delivered', 'read')
					AND EXISTS (SELECT FROM message_sender.receipt o
						WHERE o.message_id = id AND o.attempt = r.attempt
							AND o.status IN ('delivered', 'read', 'played'))
				ELSE r.status IN ('delivered', 'read', 'played')
					AND m.state IN ('failed', 'cancelled', 'expired') END,
			'duplicate', r.status IN ('delivered', 'read', 'played')
				AND EXISTS (SELECT FROM message_sender.receipt o
					WHERE o.message_id = id AND o.attempt <> r.attempt
						AND o.status IN ('delivered', 'read', 'played')))
	FROM (SELECT t.* FROM message_sender.receipt t WHERE t.message_id = id
		ORDER BY t.received_at DESC LIMIT 200) AS r
	JOIN message_sender.message m ON m.message_id = id;
END
$$;
