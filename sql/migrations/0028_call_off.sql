-- Callers call messages off; the words for that, and for what is scheduled and expired.
--
-- Purpose: call_off() is the one way in which a caller cancels messages: under the lock of their
-- work, which whoever begins an attempt or records an outcome takes first.  What was cancelled so
-- has the code -15; what was cancelled as its caller was told 503 has none, and is still `failed`
-- to who asks.  The timeline tells what waits for its time.
-- Locks: functions only.

-- Cancels, for this reason, those of these messages (sorted) of which no attempt is under way and
-- none was accepted or may have been; returns them.
CREATE FUNCTION message_sender.call_off(ids uuid[], why text) RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cancelled uuid[];
BEGIN
	-- A statement of its own, so that the next one sees all that was committed before.
	PERFORM FROM message_sender.work w WHERE w.message_id = ANY (ids)
	ORDER BY w.message_id FOR UPDATE;
	WITH gone AS (
		DELETE FROM message_sender.work w
		WHERE w.message_id = ANY (ids) AND NOT w.attempt_open
			AND w.state IN ('queued', 'scheduled', 'retrying', 'held')
			AND (SELECT a.attempt FROM message_sender.attempt a WHERE a.message_id = w.message_id
				AND a.outcome IN ('lost', 'accepted') LIMIT 1) IS NULL
			AND (SELECT r.attempt FROM message_sender.receipt r
				WHERE r.message_id = w.message_id LIMIT 1) IS NULL
		RETURNING w.message_id
	), told AS (
		UPDATE message_sender.message m
		SET state = 'cancelled', failed_at = statement_timestamp(), failure_code = -15,
			failure_reason = why
		FROM gone g
		WHERE m.message_id = g.message_id AND m.message_id = ANY (ids)
			AND m.message_id BETWEEN ids[1] AND ids[cardinality(ids)]
			AND m.state IN ('queued', 'scheduled', 'sending', 'retrying')
	)
	SELECT array_agg(g.message_id ORDER BY g.message_id) INTO cancelled FROM gone g;
	RETURN cancelled;
END
$$;
REVOKE ALL ON FUNCTION message_sender.call_off(uuid[], text) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.call_off(uuid[], text) TO message_sender_app;
	END IF;
END
$$;

COMMENT ON COLUMN message_sender.message.failed_at IS
	'when it failed, was cancelled or expired; code -15 with `cancelled`: its caller called it off';

COMMENT ON COLUMN message_sender.attempt.code IS
	'Meta''s error code. Below zero there was none: -2 429 without Meta''s body; -3 500 or 503'
	' without it; -4 another 5xx without it (a gateway''s 502, 504); -5 another 4xx without it;'
	' -6 2xx without a message id; -7 it never reached Meta; -8 it left, and the reply was lost;'
	' -11 no credentials of the outlet; -12 its validity ran out; -13 PostgreSQL was restored or'
	' failed over, and it may have been made before; -14 put off by a circuit breaker;'
	' -15 its caller cancelled it';

-- The words that callers see; the program has the same table, a test compares them.
CREATE FUNCTION message_sender.state_status(state text, code integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN state IN ('sending', 'retrying', 'unknown', 'held') THEN 'queued'
		WHEN state = 'cancelled' AND code IS DISTINCT FROM -15 THEN 'failed' ELSE state END
$$;

CREATE FUNCTION message_sender.state_detail(state text, code integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN state = 'unknown' THEN 'outcome_unknown'
		WHEN state = 'failed' AND code = -12 THEN 'expired' ELSE state END
$$;

-- As before, with these words.
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
			message_sender.state_exact(m.state, live), m.failure_code),
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
		IF state_status(m.state, m.failure_code) = 'queued' AND coalesce(wanted, 'queued') = 'queued'
				OR m.state = 'scheduled' THEN
			SELECT * INTO live_state, live_attempt, live_number FROM message_live(m.message_id);
		END IF;
		CONTINUE WHEN state_status(state_exact(m.state, live_state), m.failure_code)
			<> wanted;
		found_rows := found_rows || message_json(m, live_state, live_attempt, live_number);
	END LOOP;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('messages', array_to_json(found_rows), 'next_cursor', next_cursor);
END
$$;

CREATE OR REPLACE FUNCTION message_sender.message_whole(id uuid)
RETURNS TABLE (body json, payload text, failed boolean, code integer, subcode integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	m message_sender.message;
BEGIN
	SELECT * INTO m FROM message_sender.message t WHERE t.message_id = id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	m.wamid := coalesce(m.wamid, message_sender.accepted_wamid(id));
	RETURN QUERY
	SELECT message_sender.message_json(m, w.state, w.attempt, w.number), m.payload,
		m.state IN ('failed', 'cancelled', 'expired'), m.failure_code,
		(SELECT a.subcode FROM message_sender.attempt a WHERE a.message_id = id
			AND a.code = m.failure_code ORDER BY a.attempt DESC LIMIT 1)
	FROM (SELECT) AS one LEFT JOIN message_sender.work w ON w.message_id = id;
END
$$;

-- As before, and of what waits for its time.
CREATE OR REPLACE FUNCTION message_sender.message_events(id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	m message_sender.message;
	w message_sender.work;
	events json;
BEGIN
	SELECT * INTO m FROM message_sender.message t WHERE t.message_id = id;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT * INTO w FROM message_sender.work t WHERE t.message_id = id;
	WITH tried AS MATERIALIZED (
		SELECT t.*, lead(t.begun_at, 1, CASE WHEN w.attempt_open THEN w.begun_at
				WHEN t.outcome IN ('refused', 'not_sent') AND m.failed_at > t.ended_at
				THEN m.failed_at END)
			OVER (ORDER BY t.attempt) AS next_at
		FROM (SELECT a.* FROM message_sender.attempt a WHERE a.message_id = id
			ORDER BY a.attempt DESC LIMIT 200) AS t
	), last AS (
		SELECT * FROM tried ORDER BY attempt DESC LIMIT 1
	), begun AS (
		SELECT attempt, number, incarnation, begun_at, ended_at FROM tried
		UNION ALL
		SELECT w.attempt, w.number, w.incarnation, w.begun_at, NULL WHERE w.attempt_open
	), put_off AS MATERIALIZED (
		SELECT t.*, w.message_id IS NOT NULL AND NOT w.attempt_open AND t.attempt = w.attempt
			AND t.until = w.due_at AS lasts
		FROM (SELECT h.* FROM message_sender.wait h WHERE h.message_id = id
			ORDER BY h.attempt DESC, h.since DESC LIMIT 200) AS t
	), handed AS MATERIALIZED (
		SELECT c.*, coalesce((SELECT max(b.attempt) FROM begun b
			WHERE b.begun_at <= c.at), 0) AS attempt
		FROM (SELECT t.* FROM message_sender.lane_change t
			WHERE t.lane = tenant_lane(m.tenant_id) AND t.at >= m.accepted_at
				AND (t.at <= coalesce(m.sent_at, m.failed_at) OR w.message_id IS NOT NULL)
			ORDER BY t.at DESC LIMIT 200) AS c
	), held AS MATERIALIZED (
		SELECT greatest(h.set_at, m.accepted_at) AS since, h.released_at AS until,
			hold_text(h) AS reason, n.lasts,
			coalesce((SELECT max(b.attempt) FROM begun b WHERE b.begun_at <= h.set_at), 0)
				AS attempt
		FROM (VALUES ('all', '', '', ''), ('tenant', m.tenant_id, '', ''),
			('outlet', m.tenant_id, m.outlet_id, ''), -- below: for its token
			('outlet', m.tenant_id, m.outlet_id, coalesce(m.number, w.number,
				(SELECT t.number FROM message_sender.hold t WHERE t.id = w.hold))),
			('number', '', '', coalesce(m.number, w.number)))
			AS s (scope, tenant_id, outlet_id, number)
		CROSS JOIN LATERAL (SELECT t.* FROM message_sender.hold t WHERE t.scope = s.scope
			AND t.tenant_id = s.tenant_id AND t.outlet_id = s.outlet_id
			AND t.number = s.number AND t.set_at <= coalesce(m.sent_at, m.failed_at, now())
			ORDER BY t.set_at DESC LIMIT 50) AS h
		CROSS JOIN LATERAL (SELECT coalesce(w.state = 'held' AND w.hold = h.id, false)
			AS lasts) AS n
		-- What was under way when the hold began, and ended so, did not wait for it.
		WHERE coalesce(h.released_at > m.accepted_at, true) AND (n.lasts
			OR EXISTS (SELECT FROM begun b WHERE b.begun_at > h.set_at)
				AND h.released_at IS NOT NULL
			OR m.failed_at > coalesce((SELECT max(t.ended_at) FROM tried t), m.accepted_at))
	), line (place, step, at, event) AS (
		SELECT 0, 0, m.accepted_at, json_build_object('at', time_text_ms(m.accepted_at),
			'event', 'accepted', 'outlet_id', m.outlet_id, 'to', m.recipient,
			'message_type', m.message_type, 'priority', class_name(m.class))
		UNION ALL
		SELECT b.attempt, 1, b.begun_at, json_build_object('at', time_text_ms(b.begun_at),
			'event', 'attempt_begun', 'attempt', b.attempt, 'number', b.number,
			'incarnation', b.incarnation, 'worker', i.worker, 'node', i.node)
		FROM begun b LEFT JOIN LATERAL (SELECT t.worker, t.node
			FROM message_sender.incarnation t WHERE t.id = b.incarnation OFFSET 0) AS i ON true
		UNION ALL
		SELECT h.attempt, CASE WHEN EXISTS (SELECT FROM begun b WHERE b.attempt = h.attempt
				AND coalesce(b.ended_at > h.at, true)) THEN 2 ELSE 5 END,
			h.at, json_build_object('at', time_text_ms(h.at), 'event', 'handed_over',
				'why', h.why, 'incarnation', h.to_incarnation,
				'worker', n.worker, 'node', n.node,
				'from_incarnation', h.from_incarnation,
				'from_worker', o.worker, 'from_node', o.node)
		FROM handed h
		LEFT JOIN LATERAL (SELECT t.worker, t.node FROM message_sender.incarnation t
			WHERE t.id = h.to_incarnation OFFSET 0) AS n ON true
		LEFT JOIN LATERAL (SELECT t.worker, t.node FROM message_sender.incarnation t
			WHERE t.id = h.from_incarnation OFFSET 0) AS o ON true
		UNION ALL
		SELECT t.attempt, 3, t.ended_at, json_build_object('at', time_text_ms(t.ended_at),
			'event', 'attempt_ended', 'attempt', t.attempt, 'outcome', t.outcome,
			'http_status', t.http_status, 'code', CASE WHEN t.code > 0 THEN t.code END,
			'subcode', nullif(t.subcode, 0), 'title', nullif(t.title, ''),
			'details', nullif(t.details, ''), 'trace', nullif(t.trace, ''),
			'whatsapp_message_id', nullif(t.wamid, ''))
		FROM tried t
		UNION ALL
		SELECT d.attempt, 4, d.decided_at, json_build_object('at',
			time_text_ms(d.decided_at), 'event', 'resolved', 'attempt', d.attempt,
			'as', d.decision, 'by', d.decided_by, 'why', d.why)
		FROM message_sender.decision d WHERE d.message_id = id
		UNION ALL
		SELECT t.attempt, 5, t.ended_at, json_build_object('at', time_text_ms(t.ended_at),
			'event', 'waited', 'for', 'attempt ' || t.attempt + 1,
			'until', time_text_ms(least(t.next_at,
				(SELECT min(h.since) FROM put_off h WHERE h.attempt = t.attempt))),
			'code', CASE WHEN t.code > 0 THEN t.code END, 'reason', nullif(t.title, ''))
		FROM tried t WHERE t.next_at IS NOT NULL
			OR EXISTS (SELECT FROM put_off h WHERE h.attempt = t.attempt)
		UNION ALL
		SELECT h.attempt, 5, h.since, json_build_object('at', time_text_ms(h.since),
			'event', 'waited', 'for', 'attempt ' || h.attempt + 1,
			'until', time_text_ms(h.until),
			'code', CASE WHEN h.code > 0 THEN h.code END, 'reason', h.reason)
		FROM put_off h WHERE NOT h.lasts
		UNION ALL
		SELECT h.attempt, 5, h.since, json_build_object('at', time_text_ms(h.since),
			'event', CASE WHEN h.lasts THEN 'waiting' ELSE 'waited' END,
			'for', 'the end of a hold', 'until', time_text_ms(h.until), 'code', NULL,
			'reason', h.reason)
		FROM held h
		UNION ALL
		SELECT 0, 5, m.accepted_at, json_build_object('at', time_text_ms(m.accepted_at),
			'event', 'waited', 'for', 'attempt 1', 'until', time_text_ms(b.begun_at),
			'code', NULL, 'reason', 'its turn: messages before it to the same recipient,'
				|| ' room for one more call, or a new owner of its lane')
		FROM begun b WHERE b.attempt = 1 AND b.begun_at >= m.accepted_at + interval '2 s'
			AND m.send_at IS NULL AND m.deliver_between IS NULL
			AND NOT EXISTS (SELECT FROM put_off h WHERE h.attempt = 0)
			AND NOT EXISTS (SELECT FROM held h WHERE h.attempt = 0)
		UNION ALL
		SELECT 0, 5, m.accepted_at, json_build_object('at', time_text_ms(m.accepted_at),
			'event', 'waited', 'for', 'its time', 'until', time_text_ms(b.begun_at),
			'code', NULL, 'reason', concat_ws(', ', 'send_at ' || time_text(m.send_at),
				'deliver_between ' || m.deliver_between))
		FROM begun b WHERE b.attempt = 1 AND b.begun_at >= m.accepted_at + interval '1 s'
			AND (m.send_at IS NOT NULL OR m.deliver_between IS NOT NULL)
			AND NOT EXISTS (SELECT FROM put_off h WHERE h.attempt = 0)
			AND NOT EXISTS (SELECT FROM held h WHERE h.attempt = 0)
		UNION ALL
		SELECT w.attempt, 6, w.due_at, json_build_object(
			'at', time_text_ms(coalesce(h.since, l.ended_at, m.accepted_at)), 'event', 'waiting',
			'for', CASE w.state WHEN 'retrying' THEN 'attempt ' || w.attempt + 1
				WHEN 'unknown' THEN 'evidence or a decision'
				WHEN 'scheduled' THEN 'its time'
				ELSE 'the Conversation Service' END,
			'until', CASE WHEN w.state <> 'unknown' THEN time_text_ms(w.due_at) END,
			'code', CASE WHEN h.code IS NOT NULL THEN CASE WHEN h.code > 0 THEN h.code END
				WHEN w.state = 'retrying' AND l.code > 0 THEN l.code END,
			'reason', CASE WHEN h.reason IS NOT NULL THEN h.reason
				WHEN w.state = 'unknown' THEN 'the reply was lost'
				WHEN w.state = 'scheduled' THEN concat_ws(', ', 'send_at '
					|| time_text(m.send_at), 'deliver_between ' || m.deliver_between)
				WHEN w.state = 'sent' THEN
					'it did not take the copy; tries: ' || w.conversation_tries
				WHEN l.outcome IS NULL THEN
					'no credentials of the outlet could be had'
				WHEN l.outcome = 'lost' THEN 'resend was decided'
				ELSE l.title END)
		FROM (SELECT) AS one LEFT JOIN last l ON true
		LEFT JOIN (SELECT t.* FROM put_off t WHERE t.lasts LIMIT 1) AS h ON true
		WHERE NOT w.attempt_open AND (w.state IN ('retrying', 'scheduled', 'unknown')
			OR w.state = 'sent' AND w.conversation_tries > 0)
		UNION ALL
		SELECT 100000, 7, m.sent_at, json_build_object('at', time_text_ms(m.sent_at),
			'event', 'sent', 'whatsapp_message_id', m.wamid)
		WHERE m.sent_at IS NOT NULL
		UNION ALL
		SELECT 100000, 8, m.delivered_at, json_build_object(
			'at', time_text_ms(m.delivered_at), 'event', 'delivered')
		WHERE m.delivered_at IS NOT NULL
		UNION ALL
		SELECT 100000, 9, m.read_at, json_build_object('at', time_text_ms(m.read_at),
			'event', 'read')
		WHERE m.read_at IS NOT NULL
		UNION ALL
		SELECT 100000, 10, m.failed_at, json_build_object('at', time_text_ms(m.failed_at),
			'event', m.state, 'code', CASE WHEN m.failure_code > 0 THEN m.failure_code END,
			'reason', m.failure_reason)
		WHERE m.failed_at IS NOT NULL
	)
	SELECT json_agg(event ORDER BY place, step, at) INTO events FROM line;
	RETURN json_build_object('message_id', id, 'status',
		state_status(state_exact(m.state, w.state), m.failure_code), 'state_detail',
		state_detail(state_exact(m.state, w.state), m.failure_code), 'events', events);
END
$$;

DROP FUNCTION message_sender.state_status(text);
DROP FUNCTION message_sender.state_detail(text);
