-- Replays: failed messages that were sent once more, each as a new message.
--
-- Purpose: the failed message stays failed, for ever; the new one has its own id, its own
-- validity and its own attempts.  The first replay of a message has number 1, so two commands at
-- the same time, or one that was interrupted and is repeated, send it once; who wants another
-- one says so, and that has the next number.
-- Locks: a new table only.

CREATE TABLE message_sender.replay (
	replay_of uuid NOT NULL,
	number smallint NOT NULL CHECK (number > 0),
	message_id uuid NOT NULL,           -- the new one
	replayed_by text NOT NULL CHECK (replayed_by <> ''),
	why text NOT NULL CHECK (why <> ''),
	replayed_at timestamptz NOT NULL,
	PRIMARY KEY (replay_of, number)
);
CREATE UNIQUE INDEX replay_message ON message_sender.replay (message_id);
COMMENT ON TABLE message_sender.replay IS
	'failed messages that were sent once more as new ones: who did it and why';

-- Failed messages by filter (null: any), with what may stand in the way of a replay: an attempt
-- whose reply was lost, so that the customer may have it; and how often it was replayed.  Ids
-- above `after`, in their order.  since, until: when it was accepted, by its id.
CREATE FUNCTION message_sender.replayable(tenant text, outlet text, sender text, error_code integer,
	since timestamptz, until timestamptz, after uuid)
RETURNS TABLE (message_id uuid, tenant_id text, code integer, lost boolean, replays bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
	RETURN QUERY
	SELECT m.message_id, m.tenant_id, m.failure_code,
		EXISTS (SELECT FROM message_sender.attempt a
			WHERE a.message_id = m.message_id AND a.outcome = 'lost'),
		(SELECT count(*) FROM message_sender.replay r WHERE r.replay_of = m.message_id)
	FROM message_sender.message m
	WHERE m.message_id >= greatest(message_sender.id_floor(since), after)
		AND m.message_id < message_sender.id_floor(until)
		AND (after IS NULL OR m.message_id > after)
		AND m.state IN ('failed', 'expired')
		AND (tenant IS NULL OR m.tenant_id = tenant)
		AND (outlet IS NULL OR m.outlet_id = outlet)
		AND (sender IS NULL OR m.number = sender)
		AND (error_code IS NULL OR m.failure_code = error_code)
	ORDER BY m.message_id;
END
$$;

-- Replays these, as far as they still may be; lanes: of their tenants, in the same order.  A row
-- each that was: the old and the new id.
CREATE FUNCTION message_sender.replay(ids uuid[], lanes smallint[], who text, reason text,
	ttl interval, again boolean, include_unknown boolean)
RETURNS TABLE (replay_of uuid, message_id uuid)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now_at timestamptz := clock_timestamp();
BEGIN
	RETURN QUERY
	WITH chosen AS MATERIALIZED (
		SELECT m.*, u.lane, coalesce((SELECT max(r.number) FROM message_sender.replay r
			WHERE r.replay_of = m.message_id), 0) AS replays
		FROM unnest(ids, lanes) AS u (id, lane)
		JOIN message_sender.message m ON m.message_id = u.id
		WHERE m.message_id = ANY (ids) AND m.state IN ('failed', 'expired')
			AND (include_unknown OR NOT EXISTS (SELECT FROM message_sender.attempt a
				WHERE a.message_id = m.message_id AND a.outcome = 'lost'))
	), taken AS (
		INSERT INTO message_sender.replay AS r (replay_of, number, message_id, replayed_by, why,
			replayed_at)
		-- A UUIDv7: the time, the version, 74 random bits.
		SELECT c.message_id, CASE WHEN again THEN c.replays + 1 ELSE 1 END,
			(left(message_sender.id_floor(now_at)::text, 14) || '7'
				|| substr(gen_random_uuid()::text, 16))::uuid, who, reason, now_at
		FROM chosen c ORDER BY c.message_id
		ON CONFLICT DO NOTHING
		RETURNING r.replay_of, r.message_id
	), ordered AS MATERIALIZED (
		SELECT s.*, nextval('message_sender.work_seq') AS seq FROM (
			SELECT t.message_id AS new_id, c.* FROM taken t
			JOIN chosen c ON c.message_id = t.replay_of ORDER BY c.message_id) AS s
	), stored AS (
		INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, conversation_id,
			recipient, message_type, payload, sender_type, state, accepted_at)
		SELECT o.new_id, o.tenant_id, o.outlet_id, o.conversation_id, o.recipient,
			o.message_type, o.payload, o.sender_type, 'queued', now_at
		FROM ordered o
	), queued AS (
		INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
			attempt, attempt_open, due_at, expires_at)
		SELECT o.new_id, o.tenant_id, o.lane, o.seq, 'queued', false, 0, false, now_at,
			now_at + ttl
		FROM ordered o
	)
	SELECT o.message_id, o.new_id FROM ordered o ORDER BY o.seq;
END
$$;

-- What callers see of it besides: of which message this is a replay, and the last one of it.
CREATE FUNCTION message_sender.with_replay(document json, id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN left(document::text, -1)
		|| ', "replay_of" : ' || coalesce((SELECT to_json(r.replay_of)::text
			FROM message_sender.replay r WHERE r.message_id = id), 'null')
		|| ', "replayed_by" : ' || coalesce((SELECT to_json(r.message_id)::text
			FROM message_sender.replay r WHERE r.replay_of = id
			ORDER BY r.number DESC LIMIT 1), 'null')
		|| '}';
END
$$;

-- message_events with replays: what it is one of, behind its acceptance; its own, at the end.
CREATE FUNCTION message_sender.message_timeline(id uuid) RETURNS json
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
		SELECT e.place::numeric, e.event
		FROM json_array_elements(document -> 'events') WITH ORDINALITY AS e (event, place)
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

REVOKE ALL ON FUNCTION
	message_sender.replayable(text, text, text, integer, timestamptz, timestamptz, uuid),
	message_sender.replay(uuid[], smallint[], text, text, interval, boolean, boolean),
	message_sender.with_replay(json, uuid), message_sender.message_timeline(uuid) FROM PUBLIC;

DO $$
DECLARE
	reader name;
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT ON message_sender.replay TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.replayable(text, text, text, integer,
			timestamptz, timestamptz, uuid), message_sender.replay(uuid[], smallint[], text,
			text, interval, boolean, boolean), message_sender.id_floor(timestamptz)
			TO message_sender_app;
	END IF;
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.with_replay(json, uuid),'
			|| ' message_sender.message_timeline(uuid) TO %I', reader);
	END LOOP;
END
$$;
