-- What callers may read: one message by its id, or the messages of one tenant.
--
-- Purpose: by id through functions of the owner's, as message_status: the id is the
-- permission.  The list runs with the reader's own rights, with the tenant set for that one
-- call (0009_row_security.sql).  JSON is made here, by PostgreSQL's own encoder; what the
-- error table of the program knows (titles, advice) is added there.
-- Locks: SHARE on message while its index is built.

CREATE INDEX message_tenant ON message_sender.message (tenant_id, message_id);

-- The words that callers see; the program has the same table, a test compares them.
CREATE FUNCTION message_sender.state_status(state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN state IN ('sending', 'retrying', 'unknown') THEN 'queued'
		WHEN state IN ('cancelled', 'expired') THEN 'failed' ELSE state END
$$;

CREATE FUNCTION message_sender.state_detail(state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE state WHEN 'unknown' THEN 'outcome_unknown' ELSE state END
$$;

-- While work has a row, that row knows the exact state of what is not settled.
CREATE FUNCTION message_sender.state_exact(settled text, live text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN settled IN ('queued', 'sending', 'retrying', 'unknown')
		THEN coalesce(live, settled) ELSE settled END
$$;

-- RFC 3339 in UTC, whatever the session's time zone; null stays null.
CREATE FUNCTION message_sender.time_text(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

CREATE FUNCTION message_sender.time_text_ms(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

CREATE FUNCTION message_sender.time_us(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (EXTRACT(EPOCH FROM moment) * 1000000)::bigint
$$;

-- A message as callers see it, without its payload.
CREATE FUNCTION message_sender.message_json(m message_sender.message, live text,
	begun smallint, sender text) RETURNS json
LANGUAGE sql STABLE
AS $$
	SELECT pg_catalog.json_build_object(
		'message_id', m.message_id, 'tenant_id', m.tenant_id, 'outlet_id', m.outlet_id,
		'conversation_id', m.conversation_id, 'to', m.recipient,
		'message_type', m.message_type, 'sender_type', m.sender_type,
		'status', message_sender.state_status(m.state),
		'state_detail', message_sender.state_detail(
			message_sender.state_exact(m.state, live)),
		'whatsapp_message_id', m.wamid, 'number', coalesce(m.number, sender),
		'attempts', greatest(m.attempts, begun),
		'accepted_at', message_sender.time_text(m.accepted_at),
		'sent_at', message_sender.time_text(m.sent_at),
		'delivered_at', message_sender.time_text(m.delivered_at),
		'read_at', message_sender.time_text(m.read_at),
		'failed_at', message_sender.time_text(m.failed_at),
		'failure_reason', coalesce(m.failure_reason, ''))
$$;

-- The whole message.  No row: there is none.
CREATE FUNCTION message_sender.message_whole(id uuid)
RETURNS TABLE (body json, payload text, failed boolean, code integer, subcode integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT message_sender.message_json(m, w.state, w.attempt, w.number), m.payload,
		message_sender.state_status(m.state) = 'failed', m.failure_code,
		(SELECT a.subcode FROM message_sender.attempt a WHERE a.message_id = id
			AND a.code = m.failure_code ORDER BY a.attempt DESC LIMIT 1)
	FROM message_sender.message m
	LEFT JOIN message_sender.work w ON w.message_id = m.message_id
	WHERE m.message_id = id;
END
$$;

-- What happened to a message, in order: of its attempts the last 200.  Null: there is none.
CREATE FUNCTION message_sender.message_events(id uuid) RETURNS json
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
		SELECT t.*, lead(t.begun_at, 1, CASE WHEN w.attempt_open THEN w.begun_at END)
			OVER (ORDER BY t.attempt) AS next_begun_at
		FROM (SELECT a.* FROM message_sender.attempt a WHERE a.message_id = id
			ORDER BY a.attempt DESC LIMIT 200) AS t
	), last AS (
		SELECT * FROM tried ORDER BY attempt DESC LIMIT 1
	), begun AS (
		SELECT attempt, number, incarnation, begun_at FROM tried
		UNION ALL
		SELECT w.attempt, w.number, w.incarnation, w.begun_at WHERE w.attempt_open
	), line (place, step, at, event) AS (
		SELECT 0, 0, m.accepted_at, json_build_object('at', time_text_ms(m.accepted_at),
			'event', 'accepted', 'outlet_id', m.outlet_id, 'to', m.recipient,
			'message_type', m.message_type)
		UNION ALL
		SELECT b.attempt, 1, b.begun_at, json_build_object('at', time_text_ms(b.begun_at),
			'event', 'attempt_begun', 'attempt', b.attempt, 'number', b.number,
			'incarnation', b.incarnation, 'worker', i.worker, 'node', i.node)
		FROM begun b LEFT JOIN LATERAL (SELECT t.worker, t.node
			FROM message_sender.incarnation t WHERE t.id = b.incarnation OFFSET 0) AS i ON true
		UNION ALL
		SELECT t.attempt, 2, t.ended_at, json_build_object('at', time_text_ms(t.ended_at),
			'event', 'attempt_ended', 'attempt', t.attempt, 'outcome', t.outcome,
			'http_status', t.http_status, 'code', CASE WHEN t.code > 0 THEN t.code END,
			'subcode', nullif(t.subcode, 0), 'title', nullif(t.title, ''),
			'details', nullif(t.details, ''), 'trace', nullif(t.trace, ''),
			'whatsapp_message_id', nullif(t.wamid, ''))
		FROM tried t
		UNION ALL
		SELECT d.attempt, 3, d.decided_at, json_build_object('at',
			time_text_ms(d.decided_at), 'event', 'resolved', 'attempt', d.attempt,
			'as', d.decision, 'by', d.decided_by, 'why', d.why)
		FROM message_sender.decision d WHERE d.message_id = id
		UNION ALL
		SELECT t.attempt, 4, t.ended_at, json_build_object('at', time_text_ms(t.ended_at),
			'event', 'waited', 'for', 'attempt ' || t.attempt + 1,
			'until', time_text_ms(t.next_begun_at),
			'code', CASE WHEN t.code > 0 THEN t.code END, 'reason', nullif(t.title, ''))
		FROM tried t WHERE t.next_begun_at IS NOT NULL
		UNION ALL
		SELECT w.attempt, 5, w.due_at, json_build_object(
			'at', time_text_ms(coalesce(l.ended_at, m.accepted_at)), 'event', 'waiting',
			'for', CASE w.state WHEN 'retrying' THEN 'attempt ' || w.attempt + 1
				WHEN 'unknown' THEN 'evidence or a decision'
				ELSE 'the Conversation Service' END,
			'until', CASE WHEN w.state <> 'unknown' THEN time_text_ms(w.due_at) END,
			'code', CASE WHEN w.state = 'retrying' AND l.code > 0 THEN l.code END,
			'reason', CASE WHEN w.state = 'unknown' THEN 'the reply was lost'
				WHEN w.state = 'sent' THEN
					'it did not take the copy; tries: ' || w.conversation_tries
				WHEN l.outcome IS NULL THEN
					'no credentials of the outlet could be had'
				WHEN l.outcome = 'lost' THEN 'resend was decided'
				ELSE l.title END)
		FROM (SELECT) AS one LEFT JOIN last l ON true
		WHERE NOT w.attempt_open AND (w.state IN ('retrying', 'unknown')
			OR w.state = 'sent' AND w.conversation_tries > 0)
		UNION ALL
		SELECT 100000, 6, m.sent_at, json_build_object('at', time_text_ms(m.sent_at),
			'event', 'sent', 'whatsapp_message_id', m.wamid)
		WHERE m.sent_at IS NOT NULL
		UNION ALL
		SELECT 100000, 7, m.delivered_at, json_build_object(
			'at', time_text_ms(m.delivered_at), 'event', 'delivered')
		WHERE m.delivered_at IS NOT NULL
		UNION ALL
		SELECT 100000, 8, m.read_at, json_build_object('at', time_text_ms(m.read_at),
			'event', 'read')
		WHERE m.read_at IS NOT NULL
		UNION ALL
		SELECT 100000, 9, m.failed_at, json_build_object('at', time_text_ms(m.failed_at),
			'event', m.state, 'code', CASE WHEN m.failure_code > 0 THEN m.failure_code END,
			'reason', m.failure_reason)
		WHERE m.failed_at IS NOT NULL
	)
	SELECT json_agg(event ORDER BY place, step) INTO events FROM line;
	RETURN json_build_object('message_id', id, 'status', state_status(m.state),
		'state_detail', state_detail(state_exact(m.state, w.state)), 'events', events);
END
$$;

-- What is to be known for telling what holds a message, or why it ended; times in
-- microseconds since 1970.  Messages before it are counted up to 10,000 in its lane, and to
-- its recipient among the 1,000 nearest of these.
CREATE FUNCTION message_sender.message_facts(id uuid)
RETURNS TABLE (state text, accepted_us bigint, sent_us bigint, delivered_us bigint,
	read_us bigint, failed_us bigint, wamid text, failure_code integer, failure_reason text,
	has_work boolean, attempt smallint, attempt_open boolean, begun_us bigint,
	deadline_us bigint, due_us bigint, expires_us bigint, conversation_tries smallint,
	incarnation uuid, worker text, node text, last_attempt smallint, last_outcome text,
	last_ended_us bigint, last_code integer, last_subcode integer, last_title text,
	decision text, decided_by text, why text, ahead bigint, ahead_recipient bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT state_exact(m.state, w.state), time_us(m.accepted_at), time_us(m.sent_at),
		time_us(m.delivered_at), time_us(m.read_at), time_us(m.failed_at), m.wamid,
		m.failure_code, m.failure_reason, w.message_id IS NOT NULL, w.attempt,
		w.attempt_open, time_us(w.begun_at), time_us(w.deadline_at), time_us(w.due_at),
		time_us(w.expires_at), w.conversation_tries, w.incarnation, i.worker, i.node,
		a.attempt, a.outcome, time_us(a.ended_at), a.code, a.subcode, a.title,
		d.decision, d.decided_by, d.why, before.lane, before.recipient
	FROM message m
	LEFT JOIN work w ON w.message_id = m.message_id
	LEFT JOIN LATERAL (SELECT t.worker, t.node FROM incarnation t
		WHERE t.id = w.incarnation OFFSET 0) AS i ON true
	LEFT JOIN LATERAL (SELECT t.* FROM attempt t WHERE t.message_id = message_facts.id
		ORDER BY t.attempt DESC LIMIT 1) AS a ON true
	LEFT JOIN LATERAL (SELECT t.* FROM decision t WHERE t.message_id = message_facts.id
		ORDER BY t.attempt DESC LIMIT 1) AS d ON true
	LEFT JOIN LATERAL (
		SELECT (SELECT count(*) FROM (SELECT FROM work t
				WHERE t.lane = w.lane AND t.wait = 0 AND t.seq < w.seq
				ORDER BY t.seq DESC LIMIT 10000) AS n) AS lane,
			(SELECT count(*) FROM (SELECT t.message_id FROM work t
				WHERE t.lane = w.lane AND t.wait = 0 AND t.seq < w.seq
				ORDER BY t.seq DESC LIMIT 1000) AS n
			CROSS JOIN LATERAL (SELECT FROM message o WHERE o.message_id = n.message_id
				AND o.tenant_id = m.tenant_id AND o.outlet_id = m.outlet_id
				AND o.recipient = m.recipient OFFSET 0) AS same) AS recipient
	) AS before ON w.state IN ('queued', 'retrying')
	WHERE m.message_id = message_facts.id;
END
$$;

-- Of live work no more than the caller of the list may know.
CREATE FUNCTION message_sender.message_live(id uuid,
	OUT state text, OUT attempt smallint, OUT number text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT w.state, w.attempt, w.number INTO state, attempt, number
	FROM message_sender.work w WHERE w.message_id = id;
END
$$;

-- One page of a tenant's messages, newest first.  A page ends after `most` messages that fit,
-- or after 5,000 looked at, so that its time is bounded however rare the status is: then it
-- has fewer, and still says where to go on.  SECURITY INVOKER: row-level security applies.
-- The tenant is taken back at the end, as a pipeline of reads is one transaction.  Planned for
-- each call: without its bounds the primary key looks as good as the tenant's index, and with
-- it the rows of all tenants between them are read.
CREATE FUNCTION message_sender.message_list(tenant text, wanted text, since timestamptz,
	before uuid, most integer) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, message_sender, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	least uuid := coalesce(id_floor(since), '00000000-0000-0000-0000-000000000000'::uuid);
	greatest_id uuid := coalesce(before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid);
	m message_sender.message;
	live record;
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
		CONTINUE WHEN state_status(m.state) <> wanted;
		IF state_status(m.state) = 'queued' THEN
			SELECT * INTO live FROM message_live(m.message_id);
			found_rows := found_rows || message_json(m, live.state, live.attempt, live.number);
		ELSE
			found_rows := found_rows || message_json(m, NULL, NULL, NULL);
		END IF;
	END LOOP;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('messages', array_to_json(found_rows), 'next_cursor', next_cursor);
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_whole(uuid), message_sender.message_events(uuid),
	message_sender.message_facts(uuid), message_sender.message_live(uuid),
	message_sender.message_list(text, text, timestamptz, uuid, integer) FROM PUBLIC;
