-- Receipts where messages are read, and where they stand in the way of a replay.
--
-- Purpose: the timeline shows every receipt with both times and whether it contradicts how the message
-- stands.  An attempt that WhatsApp reported as failed is definite: it is no obstacle to a replay,
-- whatever its outcome was; a message that was delivered is one for ever.
-- Locks: functions only.

-- Meta has an attempt of it that it has not reported as failed; or the recipient has the message.
CREATE OR REPLACE FUNCTION message_sender.was_accepted(id uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM message_sender.receipt r
			WHERE r.message_id = id AND r.status IN ('delivered', 'read', 'played'))
		OR EXISTS (SELECT FROM (SELECT a.attempt FROM message_sender.attempt a
				WHERE a.message_id = id AND a.outcome = 'accepted'
				UNION SELECT r.attempt FROM message_sender.receipt r WHERE r.message_id = id)
				AS t (attempt)
			WHERE NOT EXISTS (SELECT FROM message_sender.receipt f WHERE f.message_id = id
				AND f.attempt = t.attempt AND f.status = 'failed'))
$$;

-- The customer may have it, as far as is known: a reply was lost, or it failed before a restore.
CREATE OR REPLACE FUNCTION message_sender.may_be_sent(id uuid, failed timestamptz) RETURNS boolean
LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM message_sender.attempt a
			WHERE a.message_id = id AND a.outcome = 'lost'
				AND NOT EXISTS (SELECT FROM message_sender.receipt f WHERE f.message_id = id
					AND f.attempt = a.attempt AND f.status = 'failed'))
		OR EXISTS (SELECT FROM message_sender.restore r WHERE r.noticed_at >= failed)
$$;

-- The receipts of a message as lines of its timeline, the last 200: of which attempt, and in order.
-- contradicts: it does not count, as the message stands otherwise.
CREATE FUNCTION message_sender.receipt_lines(id uuid)
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
					AND m.state IN ('failed', 'cancelled', 'expired') END)
	FROM (SELECT t.* FROM message_sender.receipt t WHERE t.message_id = id
		ORDER BY t.received_at DESC LIMIT 200) AS r
	JOIN message_sender.message m ON m.message_id = id;
END
$$;

-- As before, with the receipts of each attempt behind all else that is told of it.
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
	WITH told AS MATERIALIZED (
		SELECT e.place, e.event
		FROM json_array_elements(document -> 'events') WITH ORDINALITY AS e (event, place)
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
			ELSE e.event END
		FROM told e LEFT JOIN message_settling(id) AS s ON true
		UNION ALL
		SELECT coalesce((SELECT min(t.place) FROM told t WHERE t.event ->> 'event' IN
				('sent', 'delivered', 'read', 'failed', 'cancelled', 'expired')
				OR t.event ->> 'event' = 'attempt_begun'
					AND (t.event ->> 'attempt')::integer > r.attempt) - 0.5, 1000000), r.place,
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
			ELSE e.value END) FROM json_each(document) AS e), id);
END
$$;

REVOKE ALL ON FUNCTION message_sender.receipt_lines(uuid) FROM PUBLIC;
