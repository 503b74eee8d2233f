-- A hold for a token is the outlet's whose token it is, not its number's.
--
-- Purpose: any outlet's record can name any number, so a token that is refused says something of
-- that outlet alone: others that send from the same number, another tenant's too, go on.  Such a
-- hold has the scope `outlet` and the number it was refused for, and covers what that outlet
-- sends from that number.  Those in force are released: who is refused again is held again.
-- Locks: ACCESS EXCLUSIVE on hold, briefly.

UPDATE message_sender.hold
SET released_by = 'message-sender', released_at = pg_catalog.clock_timestamp(),
	release_note = 'tokens are held by outlet now'
WHERE scope = 'number' AND reason = 'token' AND released_at IS NULL;

ALTER TABLE message_sender.hold
	DROP CONSTRAINT hold_check3, -- a number with the scope `number` alone
	ADD CONSTRAINT hold_number_check CHECK ((number <> '') = (scope = 'number'
		OR reason = 'token')),
	ADD CONSTRAINT hold_token_check CHECK (reason <> 'token' OR scope = 'outlet'
		OR released_at IS NOT NULL);

CREATE OR REPLACE FUNCTION message_sender.hold_text(h message_sender.hold) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT message_sender.hold_subject(h)
		|| CASE h.reason WHEN 'paused' THEN ' paused'
			WHEN 'token' THEN ' held for its token (number ' || h.number || ')'
			ELSE ' held after a restore' END
		|| ' by ' || h.set_by || ' since ' || message_sender.time_text(h.set_at)
		|| CASE WHEN h.note <> '' THEN ': ' || h.note ELSE '' END
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
