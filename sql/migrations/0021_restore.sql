-- Was PostgreSQL restored from a backup, or failed over?
--
-- Purpose: what was sent after the moment that such a server goes back to, it does not know of.
-- beacon says which server this database was written on, and ticks; workers compare it with
-- the server that answers, and with what they remember, before each session's first batch
-- (domain/beacon).  When it differs, restored() fences every life of a worker and holds all:
-- until that hold is released no lane is taken, so nothing is sent.  All work that was there
-- becomes unknown, in portions (mark_restored), as any of it may have been attempted.
-- Locks: new objects only.

CREATE TABLE message_sender.beacon (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	system_identifier bigint NOT NULL,
	timeline bigint NOT NULL,
	ticks bigint NOT NULL DEFAULT 1,
	ticked_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE message_sender.beacon IS
	'the server this database was last written on; no row: it was never served';

CREATE TABLE message_sender.restore (
	number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	why text NOT NULL,
	last_seq bigint NOT NULL,           -- work up to this one was there
	marked boolean NOT NULL DEFAULT false -- and all of it is unknown now
);
CREATE INDEX restore_unmarked ON message_sender.restore (number) WHERE NOT marked;
COMMENT ON TABLE message_sender.restore IS
	'when and why PostgreSQL was found restored or failed over; hold: who let work go on';

-- The insertion's timeline, as that of the last checkpoint lags behind a promotion.  Fails on a
-- standby.
CREATE FUNCTION message_sender.server_identity(OUT system_identifier bigint, OUT timeline bigint)
LANGUAGE sql VOLATILE
AS $$
	SELECT (pg_catalog.pg_control_system()).system_identifier,
		('x' || pg_catalog.left(pg_catalog.pg_walfile_name(
			pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::bigint
$$;

-- Lanes are held.
CREATE FUNCTION message_sender.lanes_held() RETURNS boolean
LANGUAGE sql STABLE
AS $$
	SELECT EXISTS (SELECT FROM message_sender.hold h
		WHERE h.scope = 'all' AND h.reason = 'restore' AND h.released_at IS NULL)
$$;

-- Notices a restore, if the row is still the one that was judged: one of all workers does.
CREATE FUNCTION message_sender.restored(judged_id uuid, judged_system bigint,
	judged_timeline bigint, judged_ticks bigint, next_ticks bigint, reason text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE message_sender.beacon b
	SET system_identifier = s.system_identifier, timeline = s.timeline, ticks = next_ticks,
		ticked_at = clock_timestamp()
	FROM message_sender.server_identity() s
	WHERE b.one AND b.id = judged_id AND b.system_identifier = judged_system
		AND b.timeline = judged_timeline AND b.ticks = judged_ticks;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE message_sender.incarnation i SET fenced = true WHERE NOT i.fenced;
	UPDATE message_sender.lane l SET incarnation = NULL, last_incarnation = NULL;
	INSERT INTO message_sender.hold (scope, reason, set_by, note)
	VALUES ('all', 'restore', 'message-sender', reason) ON CONFLICT DO NOTHING;
	INSERT INTO message_sender.restore (why, last_seq)
	SELECT reason, CASE WHEN s.is_called THEN s.last_value ELSE 0 END
	FROM message_sender.work_seq s;
	RETURN true;
END
$$;

-- Makes at most `most` messages unknown that were there when a restore was noticed; returns how
-- many, -1 while another does it.  An attempt under way is lost; to others one is added, as
-- lost: it may have been made after the moment the server went back to.  Whoever knows its
-- outcome after all replaces it.
CREATE FUNCTION message_sender.mark_restored(most integer) RETURNS integer
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
	SELECT max(r.last_seq), max(r.noticed_at) INTO upto, lost FROM message_sender.restore r WHERE NOT r.marked;
	SELECT array_agg(found.message_id ORDER BY found.message_id) INTO ids
	FROM (SELECT w.message_id FROM generate_series(0, 63) AS l (lane)
		CROSS JOIN LATERAL ((SELECT k.message_id FROM message_sender.work k
			WHERE k.lane = l.lane AND k.wait = 0 AND k.seq <= upto
			ORDER BY k.seq LIMIT most) UNION ALL
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
	FROM message_sender.work w WHERE w.message_id = ANY (ids) AND w.wait IN (0, 3);
	UPDATE message_sender.message m
	SET state = 'unknown', attempts = a.attempt
	FROM (SELECT t.message_id, max(t.attempt) AS attempt FROM message_sender.attempt t
		WHERE t.message_id = ANY (ids) GROUP BY t.message_id) AS a
	WHERE m.message_id = a.message_id AND m.message_id = ANY (ids)
		AND m.state IN ('queued', 'sending', 'retrying');
	UPDATE message_sender.work w
	SET state = 'unknown', wait = 2, hold = NULL, attempt = a.attempt, attempt_open = false, due_at = now_at,
		lost_at = now_at,
		incarnation = CASE WHEN w.attempt_open THEN w.incarnation END,
		begun_at = CASE WHEN w.attempt_open THEN w.begun_at ELSE lost END
	FROM (SELECT t.message_id, max(t.attempt) AS attempt FROM message_sender.attempt t
		WHERE t.message_id = ANY (ids) GROUP BY t.message_id) AS a
	WHERE w.message_id = a.message_id AND w.message_id = ANY (ids) AND w.wait IN (0, 3);
	RETURN cardinality(ids);
END
$$;

-- Lets lanes be taken again, once all is marked.  Returns how many messages are unknown, null
-- when nothing was held.
CREATE FUNCTION message_sender.release_lanes(who text, why text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT message_sender.lanes_held() THEN
		RETURN NULL;
	END IF;
	WHILE message_sender.mark_restored(5000) <> 0 LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	UPDATE message_sender.hold h
	SET released_at = clock_timestamp(), released_by = who, release_note = why
	WHERE h.scope = 'all' AND h.reason = 'restore' AND h.released_at IS NULL;
	RETURN (SELECT count(*) FROM message_sender.work w WHERE w.state = 'unknown');
END
$$;

COMMENT ON COLUMN message_sender.attempt.code IS
	'Meta''s error code. Below zero there was none: -2 429 without Meta''s body; -3 500 or 503'
	' without it; -4 another 5xx without it (a gateway''s 502, 504); -5 another 4xx without it;'
	' -6 2xx without a message id; -7 it never reached Meta; -8 it left, and the reply was lost;'
	' -11 no credentials of the outlet; -12 its validity ran out; -13 PostgreSQL was restored or'
	' failed over, and it may have been made before; -14 put off by a circuit breaker';

REVOKE ALL ON FUNCTION message_sender.restored(uuid, bigint, bigint, bigint, bigint, text),
	message_sender.mark_restored(integer), message_sender.release_lanes(text, text) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE ON message_sender.beacon, message_sender.restore
			TO message_sender_app;
		GRANT SELECT ON SEQUENCE message_sender.work_seq TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.restored(uuid, bigint, bigint, bigint, bigint,
			text), message_sender.mark_restored(integer),
			message_sender.release_lanes(text, text) TO message_sender_app;
	END IF;
END
$$;
