-- The queue: priorities, and messages that are sent later.
--
-- Purpose: messages of one tenant, outlet and class are a queue, in which order holds; so each load
-- reads of each queue as much as it wants, however long another one is.  What is due later because
-- its caller said so is `scheduled` (wait = 5) and out of the way of all loads but its own until
-- shortly before it is due.  Columns for what few messages have are null and cost nothing then.
-- Locks: ACCESS EXCLUSIVE on work and message while their constraints are checked and the indexes
-- built.

-- The queue of a message; the program has the same rule (FNV-1a 64, without its highest bit, the
-- class as its lowest two), a test compares them.  The hash is kept as two halves.
CREATE FUNCTION message_sender.work_queue(tenant text, outlet text, class smallint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bytes bytea := convert_to(tenant, 'UTF8') || '\x00'::bytea || convert_to(outlet, 'UTF8');
	high bigint := x'cbf29ce4'::bigint;
	low bigint := x'84222325'::bigint;
	product bigint;
BEGIN
	FOR i IN 0 .. length(bytes) - 1 LOOP
		low := low # get_byte(bytes, i);
		product := low * 435;       -- the prime is 2^40 + 435
		high := (high * 435 + (product >> 32) + (low << 8)) & x'ffffffff'::bigint;
		low := product & x'ffffffff'::bigint;
	END LOOP;
	RETURN ((high & x'7fffffff'::bigint) << 32) | (low & x'fffffffc'::bigint) | class;
END
$$;

ALTER TABLE message_sender.message
	ADD COLUMN class smallint NOT NULL DEFAULT 1 CHECK (class IN (0, 1, 2)),
	ADD COLUMN send_at timestamptz,     -- not before
	ADD COLUMN deliver_between text,    -- JSON as given: attempts begin in this part of the day only
	ADD COLUMN valid_until timestamptz, -- as its caller said; null: MESSAGE_TTL_SECONDS
	ADD COLUMN batch_id uuid,           -- of the bulk call that brought it
	DROP CONSTRAINT message_state_check,
	ADD CONSTRAINT message_state_check CHECK (state IN ('queued', 'scheduled', 'sending',
		'retrying', 'unknown', 'sent', 'delivered', 'read', 'failed', 'cancelled', 'expired'));
CREATE INDEX message_batch ON message_sender.message (batch_id) WHERE batch_id IS NOT NULL;
COMMENT ON COLUMN message_sender.message.class IS 'priority: 0 high, 1 normal, 2 bulk';

ALTER TABLE message_sender.work
	ADD COLUMN class smallint NOT NULL DEFAULT 1,
	ADD COLUMN queue bigint,            -- work_queue(tenant, outlet, class)
	DROP CONSTRAINT work_state_check,
	ADD CONSTRAINT work_state_check CHECK (state IN ('queued', 'sending', 'retrying',
		'unknown', 'sent', 'held', 'scheduled'));
UPDATE message_sender.work w
SET queue = message_sender.work_queue(m.tenant_id, m.outlet_id, w.class)
FROM message_sender.message m WHERE m.message_id = w.message_id;
UPDATE message_sender.work SET queue = message_sender.work_queue(tenant_id, '', class)
WHERE queue IS NULL;
ALTER TABLE message_sender.work ALTER COLUMN queue SET NOT NULL;
DROP INDEX message_sender.work_to_send;
CREATE INDEX work_to_send ON message_sender.work (lane, queue, seq) INCLUDE (due_at) WHERE wait = 0;
CREATE INDEX work_scheduled ON message_sender.work (lane, due_at) WHERE wait = 5;
COMMENT ON COLUMN message_sender.work.wait IS
	'0: to be sent; 1: sent, to be copied; 2, 4: unknown; 3: held; 5: scheduled';

CREATE FUNCTION message_sender.class_name(class smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (ARRAY['high', 'normal', 'bulk'])[class + 1]
$$;

CREATE OR REPLACE FUNCTION message_sender.state_exact(settled text, live text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN settled IN ('queued', 'scheduled', 'sending', 'retrying', 'unknown')
		THEN coalesce(live, settled) ELSE settled END
$$;

-- As before, by state_exact.
CREATE OR REPLACE FUNCTION message_sender.message_status(id uuid)
RETURNS TABLE (state text, wamid text, sent_at timestamptz, delivered_at timestamptz,
	read_at timestamptz, failure_code integer, attempts smallint, failure_reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT message_sender.state_exact(m.state, w.state),
		m.wamid, m.sent_at, m.delivered_at, m.read_at, m.failure_code,
		greatest(m.attempts, w.attempt), m.failure_reason
	FROM message_sender.message m
	LEFT JOIN message_sender.work w ON w.message_id = m.message_id
	WHERE m.message_id = id;
END
$$;

-- As before, with what is new of a message.
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
			message_sender.state_exact(m.state, live)),
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

-- As before; what is scheduled may be due by now.
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
		IF state_status(m.state) = 'queued' AND coalesce(wanted, 'queued') = 'queued'
				OR m.state = 'scheduled' THEN
			SELECT * INTO live_state, live_attempt, live_number FROM message_live(m.message_id);
		END IF;
		CONTINUE WHEN state_status(state_exact(m.state, live_state)) <> wanted;
		found_rows := found_rows || message_json(m, live_state, live_attempt, live_number);
	END LOOP;
	PERFORM set_config('message_sender.tenant', '', true);
	RETURN json_build_object('messages', array_to_json(found_rows), 'next_cursor', next_cursor);
END
$$;

-- As before; what goes first is the earlier messages of its queue.
CREATE OR REPLACE FUNCTION message_sender.message_facts(id uuid)
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
				WHERE t.lane = w.lane AND t.queue = w.queue AND t.wait = 0
					AND t.seq < w.seq
				ORDER BY t.seq DESC LIMIT 10000) AS n) AS lane,
			(SELECT count(*) FROM (SELECT t.message_id FROM work t
				WHERE t.lane = w.lane AND t.queue = w.queue AND t.wait = 0
					AND t.seq < w.seq
				ORDER BY t.seq DESC LIMIT 1000) AS n
			CROSS JOIN LATERAL (SELECT FROM message o WHERE o.message_id = n.message_id
				AND o.tenant_id = m.tenant_id AND o.outlet_id = m.outlet_id
				AND o.recipient = m.recipient OFFSET 0) AS same) AS recipient
	) AS before ON w.state IN ('queued', 'retrying')
	WHERE m.message_id = message_facts.id;
END
$$;

-- As before; of what is scheduled only what was due by then may have been attempted.
CREATE OR REPLACE FUNCTION message_sender.mark_restored(most integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
AS $$
DECLARE
	upto bigint;
	lost timestamptz; -- receipts of before are no evidence any more
	now_at timestamptz := clock_timestamp();
	ids uuid[];
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('message_sender.mark_restored', 0)) THEN
		RETURN -1;
	END IF;
	SELECT max(r.last_seq), max(r.noticed_at) INTO upto, lost
	FROM message_sender.restore r WHERE NOT r.marked;
	SELECT array_agg(found.message_id ORDER BY found.message_id) INTO ids
	FROM (SELECT w.message_id FROM generate_series(0, 63) AS l (lane)
		CROSS JOIN LATERAL ((SELECT k.message_id FROM message_sender.work k
			WHERE k.lane = l.lane AND k.wait = 0 AND k.seq <= upto
			ORDER BY k.queue, k.seq LIMIT most) UNION ALL
			(SELECT k.message_id FROM message_sender.work k
			WHERE k.lane = l.lane AND k.wait = 5 AND k.due_at <= lost AND k.seq <= upto
			ORDER BY k.due_at LIMIT most) UNION ALL
			(SELECT k.message_id FROM message_sender.work k
			WHERE k.lane = l.lane AND k.wait = 3 AND k.seq <= upto
			ORDER BY k.seq LIMIT most)) AS w
		LIMIT most) AS found;
	IF ids IS NULL THEN
		UPDATE message_sender.restore r SET marked = true WHERE NOT r.marked;
		RETURN 0;
	END IF;
	PERFORM FROM message_sender.work w WHERE w.message_id = ANY (ids)
		ORDER BY w.message_id FOR UPDATE;
	INSERT INTO message_sender.attempt (message_id, attempt, incarnation, number, outcome, code,
		title, begun_at, ended_at)
	SELECT w.message_id,
		CASE WHEN w.attempt_open THEN w.attempt ELSE 1 + greatest(w.attempt,
			(SELECT max(a.attempt) FROM message_sender.attempt a
				WHERE a.message_id = w.message_id)) END,
		CASE WHEN w.attempt_open THEN w.incarnation
			ELSE '00000000-0000-0000-0000-000000000000' END,
		w.number, 'lost', -13, 'PostgreSQL was restored or failed over',
		CASE WHEN w.attempt_open THEN w.begun_at ELSE lost END, lost
	FROM message_sender.work w WHERE w.message_id = ANY (ids) AND w.wait IN (0, 3, 5);
	UPDATE message_sender.message m
	SET state = 'unknown', attempts = a.attempt
	FROM (SELECT t.message_id, max(t.attempt) AS attempt FROM message_sender.attempt t
		WHERE t.message_id = ANY (ids) GROUP BY t.message_id) AS a
	WHERE m.message_id = a.message_id AND m.message_id = ANY (ids)
		AND m.state IN ('queued', 'scheduled', 'sending', 'retrying');
	UPDATE message_sender.work w
	SET state = 'unknown', wait = 2, hold = NULL, attempt = a.attempt,
		attempt_open = false, due_at = now_at, lost_at = now_at,
		incarnation = CASE WHEN w.attempt_open THEN w.incarnation END,
		begun_at = CASE WHEN w.attempt_open THEN w.begun_at ELSE lost END
	FROM (SELECT t.message_id, max(t.attempt) AS attempt FROM message_sender.attempt t
		WHERE t.message_id = ANY (ids) GROUP BY t.message_id) AS a
	WHERE w.message_id = a.message_id AND w.message_id = ANY (ids) AND w.wait IN (0, 3, 5);
	RETURN cardinality(ids);
END
$$;

-- As in 0023_replay_guard.sql, with the class; it is sent now, and not at the time of the first.
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
			recipient, message_type, payload, sender_type, state, accepted_at, class)
		SELECT o.new_id, o.tenant_id, o.outlet_id, o.conversation_id, o.recipient,
			o.message_type, o.payload, o.sender_type, 'queued', now_at, o.class
		FROM ordered o
	), queued AS (
		INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
			attempt, attempt_open, due_at, expires_at, class, queue)
		SELECT o.new_id, o.tenant_id, o.lane, o.seq, 'queued', false, 0, false, now_at,
			now_at + ttl, o.class, message_sender.work_queue(o.tenant_id, o.outlet_id, o.class)
		FROM ordered o
	)
	SELECT o.message_id, o.new_id FROM ordered o ORDER BY o.seq;
END
$$;
