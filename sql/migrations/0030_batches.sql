-- Bulk calls: one row each, and the doors to it.
--
-- Purpose: a bulk call is taken in portions, each in a transaction of its own.  Its row comes first,
-- with its idempotency key, so that whoever repeats it goes on where it ended: the ids of its
-- messages follow from its own, and what is there already is not added again.  closed_at says
-- that all of it was looked at.  Once it is cancelled nothing more is added (each portion holds a
-- share of the row's lock), so what the pages of batch_cancel() have passed stays as they left it.
-- All its messages have the milliseconds of its id in theirs: they stand next to each other in the
-- primary key, and no other index is needed to find them.
-- Locks: ACCESS EXCLUSIVE on message_batch, for a moment.

CREATE TABLE message_sender.batch (
	batch_id uuid PRIMARY KEY,
	tenant_id text NOT NULL,
	messages integer NOT NULL,          -- that were asked for
	accepted integer,                   -- null until it is closed
	refused integer,
	opened_at timestamptz NOT NULL,
	closed_at timestamptz,
	cancelled_at timestamptz
) WITH (fillfactor = 70);
COMMENT ON TABLE message_sender.batch IS 'bulk calls';

DROP INDEX message_sender.message_batch;

-- The least and the greatest UUIDv7 with the time of this one.
CREATE FUNCTION message_sender.batch_floor(batch uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (left(batch::text, 14) || '7000-8000-000000000000')::uuid
$$;
CREATE FUNCTION message_sender.batch_ceiling(batch uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (left(batch::text, 14) || '7fff-bfff-ffffffffffff')::uuid
$$;

-- The look-up by the id alone, whose 74 random bits are the permission.  Null: there is none.
-- What is waiting goes on at the rate of the last ten seconds, as far as one can tell.
CREATE FUNCTION message_sender.batch_status(id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	b message_sender.batch;
	s record;
	per_second numeric;
BEGIN
	SELECT * INTO b FROM message_sender.batch t WHERE t.batch_id = id;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	SELECT count(*) AS taken,
		count(*) FILTER (WHERE m.state IN ('queued', 'sending', 'retrying', 'unknown')) AS queued,
		count(*) FILTER (WHERE m.state = 'scheduled') AS scheduled,
		count(*) FILTER (WHERE m.state = 'sent') AS sent,
		count(*) FILTER (WHERE m.state = 'delivered') AS delivered,
		count(*) FILTER (WHERE m.state = 'read') AS read,
		count(*) FILTER (WHERE m.state = 'failed'
			OR (m.state = 'cancelled' AND m.failure_code IS DISTINCT FROM -15)) AS failed,
		count(*) FILTER (WHERE m.state = 'expired') AS expired,
		count(*) FILTER (WHERE m.state = 'cancelled' AND m.failure_code = -15) AS cancelled,
		count(*) FILTER (WHERE m.sent_at > clock_timestamp() - interval '10 seconds') AS lately
	INTO s
	FROM message_sender.message m
	WHERE m.message_id BETWEEN batch_floor(id) AND batch_ceiling(id) AND m.batch_id = id;
	per_second := round(s.lately / 10.0, 1);
	RETURN json_build_object('batch_id', id, 'tenant_id', b.tenant_id,
		'accepted_at', time_text(b.opened_at), 'complete', b.closed_at IS NOT NULL,
		'cancelled_at', time_text(b.cancelled_at), 'messages', b.messages,
		'accepted', coalesce(b.accepted, s.taken), 'refused', b.refused,
		'statuses', json_build_object('queued', s.queued, 'scheduled', s.scheduled,
			'sent', s.sent, 'delivered', s.delivered, 'read', s.read, 'failed', s.failed,
			'expired', s.expired, 'cancelled', s.cancelled),
		'sent_per_second', per_second,
		'estimated_end', CASE WHEN s.queued > 0 AND per_second > 0 THEN time_text(
			clock_timestamp() + s.queued / per_second * interval '1 second') END);
END
$$;

-- Messages of a bulk call behind this id, at most so many, are cancelled, as far as call_off() lets
-- them.  No row: there is no such batch.
-- next: the last one looked at; null: that was all.
CREATE FUNCTION message_sender.batch_cancel(id uuid, behind uuid, most integer)
RETURNS TABLE (next uuid)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, message_sender, pg_temp
AS $$
DECLARE
	ids uuid[];
	looked bigint;
	last uuid;
BEGIN
	UPDATE message_sender.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
	WHERE b.batch_id = id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT array_agg(p.message_id ORDER BY p.message_id) FILTER (
			WHERE p.state IN ('queued', 'scheduled', 'retrying')),
		count(*), max(p.message_id::text)::uuid
	INTO ids, looked, last
	FROM (SELECT m.message_id, m.state FROM message_sender.message m
		WHERE m.message_id BETWEEN greatest(behind, batch_floor(id)) AND batch_ceiling(id)
			AND m.message_id <> behind AND m.batch_id = id
		ORDER BY m.message_id LIMIT most) AS p;
	PERFORM message_sender.call_off(ids, 'cancelled with its batch');
	next := CASE WHEN looked = most THEN last END;
	RETURN NEXT;
END
$$;

-- As before; but who knows the id of one message must not learn that of its batch, which is the
-- permission to cancel them all.
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
	m.batch_id := NULL;
	RETURN QUERY
	SELECT message_sender.message_json(m, w.state, w.attempt, w.number), m.payload,
		m.state IN ('failed', 'cancelled', 'expired'), m.failure_code,
		(SELECT a.subcode FROM message_sender.attempt a WHERE a.message_id = id
			AND a.code = m.failure_code ORDER BY a.attempt DESC LIMIT 1)
	FROM (SELECT) AS one LEFT JOIN message_sender.work w ON w.message_id = id;
END
$$;

REVOKE ALL ON FUNCTION message_sender.batch_status(uuid),
	message_sender.batch_cancel(uuid, uuid, integer) FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE ON message_sender.batch TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.batch_status(uuid),
			message_sender.batch_cancel(uuid, uuid, integer) TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_reader') THEN
		GRANT EXECUTE ON FUNCTION message_sender.batch_status(uuid) TO message_sender_reader;
	END IF;
END
$$;
