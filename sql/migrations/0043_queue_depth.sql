-- The count of the work also tells how much is to be sent, by priority, and since when.
--
-- Purpose: the metrics queue_messages and queue_oldest_seconds, at the price of a count that is made
-- anyway (0013).  What is scheduled, held, unknown or to be copied is not in them; what waits
-- for its next attempt is, and is not late before that is due.
-- Locks: ACCESS EXCLUSIVE on backlog, one row.

ALTER TABLE message_sender.backlog
	ADD COLUMN depth bigint[] NOT NULL DEFAULT '{0,0,0}',   -- to be sent: high, normal, bulk
	ADD COLUMN due timestamptz[] NOT NULL DEFAULT '{null,null,null}'; -- … the one due longest

DROP FUNCTION message_sender.backlog_view();
DROP FUNCTION message_sender.backlog_count(bigint);

-- What was counted last, a row a tenant, at least one; times in microseconds, how long the one due
-- longest is due (0: none is) as of now.
CREATE FUNCTION message_sender.backlog_view() RETURNS TABLE (age_us bigint, took_us bigint,
	messages bigint, accepted bigint, tenant_id text, waiting bigint,
	high bigint, normal bigint, bulk bigint, high_us bigint, normal_us bigint, bulk_us bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT least(extract(epoch FROM clock_timestamp() - greatest(b.counted_at,
			clock_timestamp() - interval '1 year')) * 1000000, 9e15)::bigint,
		(extract(epoch FROM b.took) * 1000000)::bigint, b.messages, b.accepted, t.id, t.n,
		b.depth[1], b.depth[2], b.depth[3], l.us[1], l.us[2], l.us[3]
	FROM message_sender.backlog b
	CROSS JOIN LATERAL (
		SELECT ARRAY(SELECT greatest(0, coalesce(extract(epoch FROM clock_timestamp() - d.at), 0)
			* 1000000)::bigint FROM unnest(b.due) WITH ORDINALITY AS d (at, n) ORDER BY d.n)
	) AS l (us)
	LEFT JOIN LATERAL unnest(b.tenants, b.counts) AS t (id, n) ON true;
END
$$;

-- Counts, and keeps tenants with at least so many, the 2,000 largest; returns the view.  The
-- session's settings are for writes by key; this reads the table as a whole.
CREATE FUNCTION message_sender.backlog_count(least_waiting bigint)
RETURNS TABLE (age_us bigint, took_us bigint,
	messages bigint, accepted bigint, tenant_id text, waiting bigint,
	high bigint, normal bigint, bulk bigint, high_us bigint, normal_us bigint, bulk_us bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = on
SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
	began timestamptz := clock_timestamp();
	drawn bigint := (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END
		FROM message_sender.work_seq s);
	total bigint;
	names text[];
	numbers bigint[];
	depths bigint[];
	dues timestamptz[];
BEGIN
	-- Counts are no facts: the next one replaces this.
	PERFORM set_config('synchronous_commit', 'off', true);
	WITH counted AS MATERIALIZED (
		SELECT w.tenant_id AS id, w.class, count(*) AS n,
			count(*) FILTER (WHERE w.wait = 0) AS depth,
			min(w.due_at) FILTER (WHERE w.wait = 0) AS due
		FROM message_sender.work w GROUP BY w.tenant_id, w.class
	), near AS MATERIALIZED (
		SELECT c.id, sum(c.n)::bigint AS n FROM counted c GROUP BY c.id
		HAVING sum(c.n) >= least_waiting ORDER BY 2 DESC, c.id LIMIT 2000
	), classes AS MATERIALIZED (
		SELECT k.class, coalesce(sum(c.depth), 0)::bigint AS depth, min(c.due) AS due
		FROM generate_series(0, 2) AS k (class) LEFT JOIN counted c USING (class)
		GROUP BY k.class
	)
	SELECT (SELECT coalesce(sum(c.n), 0) FROM counted c),
		ARRAY(SELECT c.id FROM near c ORDER BY c.n DESC, c.id),
		ARRAY(SELECT c.n FROM near c ORDER BY c.n DESC, c.id),
		ARRAY(SELECT k.depth FROM classes k ORDER BY k.class),
		ARRAY(SELECT k.due FROM classes k ORDER BY k.class)
	INTO total, names, numbers, depths, dues;
	UPDATE message_sender.backlog b
	SET counted_at = began, took = clock_timestamp() - began, messages = total,
		accepted = drawn, tenants = names, counts = numbers, depth = depths, due = dues
	WHERE b.one;
	RETURN QUERY SELECT * FROM message_sender.backlog_view();
END
$$;

REVOKE ALL ON FUNCTION message_sender.backlog_view(), message_sender.backlog_count(bigint)
	FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.backlog_view(),
			message_sender.backlog_count(bigint) TO message_sender_app;
	END IF;
END
$$;
