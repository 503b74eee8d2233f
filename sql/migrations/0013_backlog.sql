-- How much work waits: counted now and then by one worker, read by all.
--
-- Purpose: a bound on what is accepted (MAX_BACKLOG, MAX_BACKLOG_PER_TENANT) that costs nothing
-- for a message.  One row: the whole, and those tenants that have come near their limit.  A
-- count reads all of work, so whoever counts waits fifty times as long as it took.
-- Locks: a new table only.

CREATE TABLE message_sender.backlog (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	counted_at timestamptz NOT NULL,    -- when the count began
	took interval NOT NULL,
	messages bigint NOT NULL,           -- rows of work
	accepted bigint NOT NULL,           -- order numbers drawn so far, to tell what has left
	tenants text[] NOT NULL,
	counts bigint[] NOT NULL            -- of those tenants, in the same order
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE message_sender.backlog IS 'the last count of work, one row';
INSERT INTO message_sender.backlog VALUES (true, '-infinity', '0', 0, 0, '{}', '{}');

-- What was counted last, a row a tenant, at least one; times in microseconds.
CREATE FUNCTION message_sender.backlog_view() RETURNS TABLE (age_us bigint, took_us bigint,
	messages bigint, accepted bigint, tenant_id text, waiting bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT least(extract(epoch FROM clock_timestamp() - greatest(b.counted_at,
			clock_timestamp() - interval '1 year')) * 1000000, 9e15)::bigint,
		(extract(epoch FROM b.took) * 1000000)::bigint, b.messages, b.accepted, t.id, t.n
	FROM message_sender.backlog b LEFT JOIN LATERAL unnest(b.tenants, b.counts) AS t (id, n) ON true;
END
$$;

-- Counts, and keeps tenants with at least so many, the 2,000 largest; returns the view.  The
-- session's settings are for writes by key; this reads the table as a whole.
CREATE FUNCTION message_sender.backlog_count(least_waiting bigint)
RETURNS TABLE (age_us bigint, took_us bigint,
	messages bigint, accepted bigint, tenant_id text, waiting bigint)
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
BEGIN
	-- Counts are no facts: the next one replaces this.
	PERFORM set_config('synchronous_commit', 'off', true);
	WITH counted AS MATERIALIZED (
		SELECT w.tenant_id AS id, count(*) AS n FROM message_sender.work w GROUP BY w.tenant_id
	), near AS MATERIALIZED (
		SELECT c.id, c.n FROM counted c WHERE c.n >= least_waiting
		ORDER BY c.n DESC, c.id LIMIT 2000
	)
	SELECT (SELECT coalesce(sum(c.n), 0) FROM counted c),
		ARRAY(SELECT c.id FROM near c ORDER BY c.n DESC, c.id),
		ARRAY(SELECT c.n FROM near c ORDER BY c.n DESC, c.id)
	INTO total, names, numbers;
	UPDATE message_sender.backlog b
	SET counted_at = began, took = clock_timestamp() - began, messages = total,
		accepted = drawn, tenants = names, counts = numbers
	WHERE b.one;
	RETURN QUERY SELECT * FROM message_sender.backlog_view();
END
$$;

REVOKE ALL ON FUNCTION message_sender.backlog_view(), message_sender.backlog_count(bigint)
	FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, UPDATE ON message_sender.backlog TO message_sender_app;
		GRANT SELECT ON SEQUENCE message_sender.work_seq TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.backlog_view(),
			message_sender.backlog_count(bigint) TO message_sender_app;
	END IF;
END
$$;
