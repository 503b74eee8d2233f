-- By which policy a lost reply is settled, and when, is shown in the timeline and its explanation.
--
-- Purpose: message_settling says besides whose policy it is, when the quarantine ends, and how often
-- policy has sent the message again; message_timeline tells it with what the message waits for.
-- Locks: functions only; what is replaced was called by nobody.

DROP FUNCTION message_sender.message_settling(uuid);

-- How one message is settled by policy; no row unless it is unknown.
--   policy          null until its lane's owner has looked at it since the policy was set
--   policy_of       tenant: its own, as set; service: of the settings
--   decides_at      the next look, not before the quarantine's end; null: a person is to decide
CREATE FUNCTION message_sender.message_settling(id uuid)
RETURNS TABLE (policy text, policy_of text, quarantine_ends timestamptz, decides_at timestamptz,
	resends bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT w.settle_policy, CASE WHEN EXISTS (SELECT FROM message_sender.tenant_policy p
			WHERE p.tenant_id = w.tenant_id) THEN 'tenant' ELSE 'service' END,
		w.lost_at + w.settle_quarantine * interval '1 second',
		CASE WHEN w.wait = 2 AND w.settle_policy <> 'hold' THEN greatest(w.due_at,
			w.lost_at + w.settle_quarantine * interval '1 second') END,
		(SELECT count(*) FROM message_sender.decision d WHERE d.message_id = w.message_id
			AND d.decision = 'resend' AND d.decided_by LIKE 'policy:%')
	FROM message_sender.work w
	WHERE w.message_id = message_settling.id AND w.state = 'unknown';
END
$$;

-- As before, but for what a message waits for while it is unknown.
CREATE OR REPLACE FUNCTION message_sender.message_timeline(id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	document json := message_events(id);
	lines json;
BEGIN
	IF document IS NULL THEN
		RETURN NULL;
	END IF;
	WITH line (place, event) AS (
		SELECT e.place::numeric, CASE WHEN e.event ->> 'event' = 'waiting' AND s.policy IS NOT NULL
			THEN json_build_object('at', e.event -> 'at', 'event', 'waiting',
				'for', CASE WHEN s.decides_at IS NULL THEN 'a person to decide'
					WHEN s.policy = 'resend' THEN 'its policy, to be sent again'
					WHEN s.policy = 'fail' THEN 'its policy, to be given up'
					ELSE 'evidence or a decision' END,
				'until', time_text_ms(s.decides_at), 'code', e.event -> 'code',
				'reason', e.event -> 'reason', 'policy', s.policy, 'policy_of', s.policy_of)
			ELSE e.event END
		FROM json_array_elements(document -> 'events') WITH ORDINALITY AS e (event, place)
		LEFT JOIN message_settling(id) AS s ON true
		UNION ALL
		SELECT 1.5, json_build_object('at', time_text_ms(r.replayed_at), 'event', 'replay',
			'of', r.replay_of, 'by', r.replayed_by, 'why', r.why)
		FROM message_sender.replay r WHERE r.message_id = id
		UNION ALL
		SELECT 1000000 + r.number, json_build_object('at', time_text_ms(r.replayed_at),
			'event', 'replayed', 'as', r.message_id, 'by', r.replayed_by, 'why', r.why)
		FROM message_sender.replay r WHERE r.replay_of = id
	)
	SELECT json_agg(l.event ORDER BY l.place) INTO lines FROM line l;
	RETURN with_replay((SELECT json_object_agg(e.key, CASE e.key WHEN 'events' THEN lines
			ELSE e.value END) FROM json_each(document) AS e), id);
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_settling(uuid) FROM PUBLIC;

DO $$
DECLARE
	reader name;
BEGIN
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.message_settling(uuid) TO %I', reader);
	END LOOP;
END
$$;
