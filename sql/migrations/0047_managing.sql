-- What callers decide by key: pauses of their own, and replays that are charged.
--
-- Purpose: a tenant that pauses itself has a hold of its own kind beside one that a person set, so
-- that it resumes what is its own and nothing else.  And a replay is a new message: it takes its part
-- of a quota of ours as any other; what there is no room for is left out, and can be replayed later.
-- Locks: ACCESS EXCLUSIVE on hold, for a moment.

ALTER TABLE message_sender.hold
	DROP CONSTRAINT hold_reason_check,
	ADD CONSTRAINT hold_reason_check CHECK (reason IN ('paused', 'caller', 'token',
		'restore', 'restricted', 'disabled'));
COMMENT ON COLUMN report.hold.reason IS
	'paused, caller (by the tenant itself), token, restricted, disabled or restore';

CREATE OR REPLACE FUNCTION message_sender.hold_text(h message_sender.hold) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT message_sender.hold_subject(h)
		|| CASE h.reason WHEN 'paused' THEN ' paused' WHEN 'caller' THEN ' paused'
			WHEN 'token' THEN ' held for its token (number ' || h.number || ')'
			WHEN 'restricted' THEN ' held: WhatsApp restricts its account'
			WHEN 'disabled' THEN ' held: WhatsApp has disabled its account'
			ELSE ' held after a restore' END
		|| ' by ' || h.set_by || ' since ' || message_sender.time_text(h.set_at)
		|| coalesce(' until ' || message_sender.time_text(h.until_at), '')
		|| CASE WHEN h.note <> '' THEN ': ' || h.note ELSE '' END
$$;

-- As in 0026_queue.sql, and charged.  Charged first, as whoever accepts is, so that the limit is
-- exact; who was replayed by another command meanwhile gives its charge back.
CREATE OR REPLACE FUNCTION message_sender.replay(ids uuid[], lanes smallint[], who text, reason text,
	ttl interval, again boolean, include_unknown boolean)
RETURNS TABLE (replay_of uuid, message_id uuid)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now_at timestamptz := clock_timestamp();
	old_ids uuid[];
	new_ids uuid[];
	tenants text[];
	charged uuid[];
	days date[];
	refused uuid[];
	taken uuid[];
BEGIN
	-- A UUIDv7: the time, the version, 74 random bits.
	SELECT array_agg(c.message_id ORDER BY c.message_id), array_agg(c.tenant_id ORDER BY c.message_id),
		array_agg((left(message_sender.id_floor(now_at)::text, 14) || '7'
			|| substr(gen_random_uuid()::text, 16))::uuid ORDER BY c.message_id)
	INTO old_ids, tenants, new_ids
	FROM message_sender.message c
	WHERE c.message_id = ANY (ids) AND c.state IN ('failed', 'expired')
		AND NOT message_sender.was_accepted(c.message_id)
		AND (include_unknown OR NOT message_sender.may_be_sent(c.message_id, c.failed_at))
		AND (again OR NOT EXISTS (SELECT FROM message_sender.replay r
			WHERE r.replay_of = c.message_id));
	SELECT array_agg(q.message_id) FILTER (WHERE q.over = 0),
		array_agg(q.charged_on) FILTER (WHERE q.over = 0),
		array_agg(q.message_id) FILTER (WHERE q.over > 0)
	INTO charged, days, refused
	FROM message_sender.quota_take(new_ids, tenants,
		array_fill('queued'::text, ARRAY[coalesce(cardinality(new_ids), 0)]), NULL, false) AS q;
	WITH wanted AS (
		SELECT u.* FROM unnest(old_ids, new_ids) AS u (old_id, new_id)
		WHERE NOT u.new_id = ANY (coalesce(refused, '{}'))
	), done AS (
		INSERT INTO message_sender.replay AS r (replay_of, number, message_id, replayed_by, why,
			replayed_at)
		SELECT w.old_id, CASE WHEN again THEN coalesce((SELECT max(p.number)
				FROM message_sender.replay p WHERE p.replay_of = w.old_id), 0) + 1 ELSE 1 END,
			w.new_id, who, reason, now_at
		FROM wanted w ORDER BY w.old_id
		ON CONFLICT DO NOTHING
		RETURNING r.message_id
	)
	SELECT array_agg(d.message_id) INTO taken FROM done d;
	PERFORM message_sender.quota_return(array_agg(u.tenant_id))
	FROM unnest(new_ids, tenants) AS u (new_id, tenant_id)
	WHERE u.new_id = ANY (charged) AND NOT u.new_id = ANY (coalesce(taken, '{}'));
	RETURN QUERY
	WITH ordered AS MATERIALIZED (
		SELECT s.*, nextval('message_sender.work_seq') AS seq FROM (
			SELECT u.new_id, d.day, l.lane, m.*
			FROM unnest(old_ids, new_ids) AS u (old_id, new_id)
			JOIN unnest(ids, lanes) AS l (id, lane) ON l.id = u.old_id
			LEFT JOIN unnest(charged, days) AS d (id, day) ON d.id = u.new_id
			JOIN message_sender.message m ON m.message_id = u.old_id
			WHERE u.new_id = ANY (taken) AND m.message_id = ANY (ids)
			ORDER BY m.message_id) AS s
	), stored AS (
		INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, conversation_id,
			recipient, message_type, payload, sender_type, state, accepted_at, class, charged_on)
		SELECT o.new_id, o.tenant_id, o.outlet_id, o.conversation_id, o.recipient,
			o.message_type, o.payload, o.sender_type, 'queued', now_at, o.class, o.day
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
