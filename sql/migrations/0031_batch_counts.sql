-- What a restore may have sent is not called off; a batch is counted as its messages are told.
--
-- Purpose: between the notice of a restore and mark_restored() a message that was there then stands
-- as before, though it may have been attempted: call_off() leaves it alone.  The counts of a
-- batch are of exact states, as GET of each message's status has them: with its work, as far as
-- there is any.
-- Locks: functions only.

-- Cancels, for this reason, those of these messages (sorted) of which no attempt is under way and
-- none was accepted or may have been, by a restore either; returns them.
CREATE OR REPLACE FUNCTION message_sender.call_off(ids uuid[], why text) RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cancelled uuid[];
BEGIN
	-- A statement of its own, so that the next one sees all that was committed before.
	PERFORM FROM message_sender.work w WHERE w.message_id = ANY (ids)
	ORDER BY w.message_id FOR UPDATE;
	WITH gone AS (
		DELETE FROM message_sender.work w
		WHERE w.message_id = ANY (ids) AND NOT w.attempt_open
			AND w.state IN ('queued', 'scheduled', 'retrying', 'held')
			AND (SELECT a.attempt FROM message_sender.attempt a WHERE a.message_id = w.message_id
				AND a.outcome IN ('lost', 'accepted') LIMIT 1) IS NULL
			AND (SELECT r.attempt FROM message_sender.receipt r
				WHERE r.message_id = w.message_id LIMIT 1) IS NULL
			AND NOT EXISTS (SELECT FROM message_sender.restore r
				WHERE NOT r.marked AND r.number > 0 -- its index
					AND w.seq <= r.last_seq
					AND (w.wait <> 5 OR w.due_at <= r.noticed_at))
		RETURNING w.message_id
	), told AS (
		UPDATE message_sender.message m
		SET state = 'cancelled', failed_at = statement_timestamp(), failure_code = -15,
			failure_reason = why
		FROM gone g
		WHERE m.message_id = g.message_id AND m.message_id = ANY (ids)
			AND m.message_id BETWEEN ids[1] AND ids[cardinality(ids)]
			AND m.state IN ('queued', 'scheduled', 'sending', 'retrying')
	)
	SELECT array_agg(g.message_id ORDER BY g.message_id) INTO cancelled FROM gone g;
	RETURN cancelled;
END
$$;

-- The look-up by the id alone, whose 74 random bits are the permission.  Null: there is none.
-- What is waiting goes on at the rate of the last ten seconds, as far as one can tell.
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
		count(*) FILTER (WHERE e.sent_at > clock_timestamp() - interval '10 seconds') AS lately
	INTO s
	FROM (SELECT state_exact(m.state, (SELECT w.state FROM message_sender.work w
			WHERE w.message_id = m.message_id)) AS state, m.failure_code, m.sent_at
		FROM message_sender.message m
		WHERE m.message_id BETWEEN batch_floor(id) AND batch_ceiling(id) AND m.batch_id = id
		OFFSET 0) AS e -- so that work is looked up once, where state_exact() needs it
	CROSS JOIN LATERAL (SELECT state_status(e.state, e.failure_code) AS status) AS c;
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
