-- What the timeline tells of waits and of hand-overs.
--
-- Purpose: `wait` has a row when a message could not be attempted and was put off, which is rare
-- (its outlet's credentials could not be had); the waits after a refusal are told by attempt.
-- `lane_change` has a row when a lane goes from one incarnation to another, which says for all of
-- its messages who took them over and why, and costs the messages nothing.  Both are kept for 30
-- days.
-- Locks: ACCESS EXCLUSIVE on lane, SHARE on hold, briefly; new tables and functions.

-- What held a message is told by the holds in force during its life.
CREATE INDEX hold_subject ON message_sender.hold (scope, tenant_id, outlet_id, number, set_at);

CREATE TABLE message_sender.wait (
	message_id uuid NOT NULL,
	attempt smallint NOT NULL,          -- the last one begun before; 0 none
	code integer NOT NULL,              -- as message.failure_code; 0 none
	since timestamptz NOT NULL,
	until timestamptz NOT NULL,         -- as far as it was put off, once or repeatedly
	reason text NOT NULL,
	PRIMARY KEY (message_id, attempt, code)
);
COMMENT ON TABLE message_sender.wait IS
	'when and why a message was put off without an attempt; kept for 30 days';

ALTER TABLE message_sender.lane ADD COLUMN last_incarnation uuid;
COMMENT ON COLUMN message_sender.lane.last_incarnation IS 'that had it last, released or not';
UPDATE message_sender.lane SET last_incarnation = incarnation;

CREATE TABLE message_sender.lane_change (
	lane smallint NOT NULL,
	at timestamptz NOT NULL,
	from_incarnation uuid NOT NULL,
	to_incarnation uuid NOT NULL,
	why text NOT NULL CHECK (why IN ('share', 'reload', 'stop', 'death', 'lease')),
	PRIMARY KEY (lane, at)
);
COMMENT ON TABLE message_sender.lane_change IS
	'which incarnation took a lane over from which, when and why; kept for 30 days';
COMMENT ON COLUMN message_sender.lane_change.why IS
	'share: lanes were shared out anew, as a worker came or went; reload: its worker was replaced;'
	' stop: its node stopped; death: its process was seen dead; lease: its lease had run out';

-- The lane of a tenant; the program has the same rule (FNV-1a, of which six bits depend on no
-- others), a test compares them.
CREATE FUNCTION message_sender.tenant_lane(tenant text) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := convert_to(tenant, 'UTF8');
	hash integer := 37;
BEGIN
	FOR i IN 0 .. length(bytes) - 1 LOOP
		hash := ((hash # get_byte(bytes, i)) * 51) & 63;
	END LOOP;
	RETURN hash;
END
$$;

-- What happened to a message, in order: of its attempts, waits and hand-overs the last 200 each.
-- Null: there is none.  A change of its lane is a hand-over of the message while something is
-- left to do for it.
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
			('outlet', m.tenant_id, m.outlet_id, ''),
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
			'message_type', m.message_type)
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
			AND NOT EXISTS (SELECT FROM put_off h WHERE h.attempt = 0)
			AND NOT EXISTS (SELECT FROM held h WHERE h.attempt = 0)
		UNION ALL
		SELECT w.attempt, 6, w.due_at, json_build_object(
			'at', time_text_ms(coalesce(h.since, l.ended_at, m.accepted_at)), 'event', 'waiting',
			'for', CASE w.state WHEN 'retrying' THEN 'attempt ' || w.attempt + 1
				WHEN 'unknown' THEN 'evidence or a decision'
				ELSE 'the Conversation Service' END,
			'until', CASE WHEN w.state <> 'unknown' THEN time_text_ms(w.due_at) END,
			'code', CASE WHEN h.code IS NOT NULL THEN CASE WHEN h.code > 0 THEN h.code END
				WHEN w.state = 'retrying' AND l.code > 0 THEN l.code END,
			'reason', CASE WHEN h.reason IS NOT NULL THEN h.reason
				WHEN w.state = 'unknown' THEN 'the reply was lost'
				WHEN w.state = 'sent' THEN
					'it did not take the copy; tries: ' || w.conversation_tries
				WHEN l.outcome IS NULL THEN
					'no credentials of the outlet could be had'
				WHEN l.outcome = 'lost' THEN 'resend was decided'
				ELSE l.title END)
		FROM (SELECT) AS one LEFT JOIN last l ON true
		LEFT JOIN (SELECT t.* FROM put_off t WHERE t.lasts LIMIT 1) AS h ON true
		WHERE NOT w.attempt_open AND (w.state IN ('retrying', 'unknown')
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
	RETURN json_build_object('message_id', id, 'status', state_status(m.state),
		'state_detail', state_detail(state_exact(m.state, w.state)), 'events', events);
END
$$;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.wait TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.lane_change
			TO message_sender_app;
	END IF;
END
$$;
