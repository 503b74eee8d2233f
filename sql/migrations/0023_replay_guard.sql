-- What WhatsApp has is never replayed, and is told.
--
-- Purpose: a message that was given up as failed, by policy or by a person, can turn out to have
-- been accepted: its attempt is `accepted` then, no longer `lost`.  That stands in the way of a
-- replay whatever is asked for, and its id of WhatsApp is shown.  And what had failed before
-- PostgreSQL was restored may have been replayed after the moment it went back to.
-- Locks: functions only.

-- Meta is known to have taken one of its attempts.
CREATE FUNCTION message_sender.was_accepted(id uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM message_sender.attempt a
			WHERE a.message_id = id AND a.outcome = 'accepted')
		OR EXISTS (SELECT FROM message_sender.receipt r WHERE r.message_id = id)
$$;

-- The customer may have it, as far as is known: a reply was lost, or it failed before a restore.
CREATE FUNCTION message_sender.may_be_sent(id uuid, failed timestamptz) RETURNS boolean
LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM message_sender.attempt a
			WHERE a.message_id = id AND a.outcome = 'lost')
		OR EXISTS (SELECT FROM message_sender.restore r WHERE r.noticed_at >= failed)
$$;

-- As in 0014_replay.sql, and `accepted`, which nothing overrides.
DROP FUNCTION message_sender.replayable(text, text, text, integer, timestamptz, timestamptz, uuid);
CREATE FUNCTION message_sender.replayable(tenant text, outlet text, sender text, error_code integer,
	since timestamptz, until timestamptz, after uuid)
RETURNS TABLE (message_id uuid, tenant_id text, code integer, accepted boolean,
	lost boolean, replays bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
	RETURN QUERY
	SELECT m.message_id, m.tenant_id, m.failure_code,
		message_sender.was_accepted(m.message_id),
		message_sender.may_be_sent(m.message_id, m.failed_at),
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

-- As in 0014_replay.sql, by these rules.
CREATE OR REPLACE FUNCTION message_sender.replay(ids uuid[], lanes smallint[], who text, reason text,
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
			AND NOT message_sender.was_accepted(m.message_id)
			AND (include_unknown
				OR NOT message_sender.may_be_sent(m.message_id, m.failed_at))
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

-- The id of WhatsApp of a message that was taken; null: of none.
CREATE FUNCTION message_sender.accepted_wamid(id uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT a.wamid FROM message_sender.attempt a
			WHERE a.message_id = id AND a.outcome = 'accepted' ORDER BY a.attempt LIMIT 1),
		(SELECT r.wamid FROM message_sender.receipt r WHERE r.message_id = id
			ORDER BY r.attempt, r.status LIMIT 1));
END
$$;

-- The whole message, as before, with that id also when it counts as failed.
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
		message_sender.state_status(m.state) = 'failed', m.failure_code,
		(SELECT a.subcode FROM message_sender.attempt a WHERE a.message_id = id
			AND a.code = m.failure_code ORDER BY a.attempt DESC LIMIT 1)
	FROM (SELECT) AS one LEFT JOIN message_sender.work w ON w.message_id = id;
END
$$;

REVOKE ALL ON FUNCTION message_sender.was_accepted(uuid),
	message_sender.may_be_sent(uuid, timestamptz), message_sender.accepted_wamid(uuid),
	message_sender.replayable(text, text, text, integer, timestamptz, timestamptz, uuid)
	FROM PUBLIC;

DO $$
DECLARE
	reader name;
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.was_accepted(uuid),
			message_sender.may_be_sent(uuid, timestamptz), message_sender.replayable(text,
			text, text, integer, timestamptz, timestamptz, uuid) TO message_sender_app;
	END IF;
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.accepted_wamid(uuid) TO %I', reader);
	END LOOP;
END
$$;
