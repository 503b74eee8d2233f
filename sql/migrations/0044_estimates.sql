-- When a message that waits is likely to begin, and a batch to end.
--
-- Purpose: message_line() has for one message what the estimate of its explanation is made of.  A
-- batch that began a moment ago is not taken for slow: its rate counts from its first sent message.
-- Locks: functions only.

-- What waits with a message of its outlet, and the rates that are set; no row unless it waits.
--   before_it    messages before it in its queue.  Counted are 10,000 at most (`counted`, as
--                message_facts() did); of more the rest is told by how close these stand
--   high, normal, bulk   all of those classes, 10,000 at most
--   number_rate, tenant_rate   messages a second; null: the settings'
CREATE FUNCTION message_sender.message_line(id uuid, counted bigint)
RETURNS TABLE (class smallint, before_it bigint, high bigint, normal bigint, bulk bigint,
	number_rate integer, tenant_rate integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w message_sender.work;
	beside bigint[] := '{}';
	first bigint;
	near bigint;
BEGIN
	SELECT * INTO w FROM message_sender.work t
	WHERE t.message_id = id AND t.wait = 0 AND t.state IN ('queued', 'retrying');
	IF NOT FOUND THEN
		RETURN;
	END IF;
	FOR other IN 0 .. 2 LOOP
		beside := beside || (SELECT count(*) FROM (SELECT FROM message_sender.work t
			WHERE t.lane = w.lane AND t.queue = w.queue - w.class + other AND t.wait = 0
				AND other <> w.class
			ORDER BY t.seq LIMIT 10000) AS n);
	END LOOP;
	IF counted >= 10000 THEN
		SELECT t.seq INTO first FROM message_sender.work t
		WHERE t.lane = w.lane AND t.queue = w.queue AND t.wait = 0 ORDER BY t.seq LIMIT 1;
		SELECT t.seq INTO near FROM message_sender.work t
		WHERE t.lane = w.lane AND t.queue = w.queue AND t.wait = 0 AND t.seq < w.seq
		ORDER BY t.seq DESC OFFSET 9999 LIMIT 1;
		counted := greatest(counted, (10000 * (w.seq - first)::numeric / (w.seq - near))::bigint);
	END IF;
	RETURN QUERY
	SELECT w.class, counted, beside[1], beside[2], beside[3],
		(SELECT r.rate FROM message_sender.rate r
			WHERE r.tenant_id = m.tenant_id AND r.outlet_id = m.outlet_id),
		(SELECT r.rate FROM message_sender.rate r
			WHERE r.tenant_id = m.tenant_id AND r.outlet_id = '')
	FROM message_sender.message m WHERE m.message_id = id;
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_line(uuid, bigint) FROM PUBLIC;

DO $$
DECLARE
	reader name;
BEGIN
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.message_line(uuid, bigint) TO %I', reader);
	END LOOP;
END
$$;

-- The look-up by the id alone, whose 74 random bits are the permission.  Null: there is none.
-- What is waiting goes on at the rate of the last ten seconds, or since the first was sent in them.
CREATE OR REPLACE FUNCTION message_sender.batch_status(id uuid) RETURNS json
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
		count(*) FILTER (WHERE c.status = 'queued') AS queued,
		count(*) FILTER (WHERE c.status = 'scheduled') AS scheduled,
		count(*) FILTER (WHERE c.status = 'sent') AS sent,
		count(*) FILTER (WHERE c.status = 'delivered') AS delivered,
		count(*) FILTER (WHERE c.status = 'read') AS read,
		count(*) FILTER (WHERE c.status = 'failed') AS failed,
		count(*) FILTER (WHERE c.status = 'expired') AS expired,
		count(*) FILTER (WHERE c.status = 'cancelled') AS cancelled,
		count(*) FILTER (WHERE e.sent_at > clock_timestamp() - interval '10 seconds') AS lately,
		extract(epoch FROM clock_timestamp() - min(e.sent_at) FILTER (
			WHERE e.sent_at > clock_timestamp() - interval '10 seconds')) AS seconds
	INTO s
	FROM (SELECT state_exact(m.state, (SELECT w.state FROM message_sender.work w
			WHERE w.message_id = m.message_id)) AS state, m.failure_code, m.sent_at
		FROM message_sender.message m
		WHERE m.message_id BETWEEN batch_floor(id) AND batch_ceiling(id) AND m.batch_id = id
		OFFSET 0) AS e -- so that work is looked up once, where state_exact() needs it
	CROSS JOIN LATERAL (SELECT state_status(e.state, e.failure_code) AS status) AS c;
	per_second := round(coalesce(s.lately / greatest(s.seconds, 1), 0), 1);
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
