-- Quotas of our own: how many messages a tenant may have accepted in a day and in a month.
--
-- Purpose: one row a tenant with a quota, locked by whoever accepts messages of it, so that exactly
-- as many are as there is room for.  Days and months are those of the tenant's time zone; `day` is
-- the one that the counts are of, its month that of month_used.  A message keeps the day that it
-- was charged to (message.charged_on, null: not at all).  When it ends without having been sent,
-- quota_change says -1 once, and +1 if it turns out sent after all; who charges next counts that
-- in, so that nobody who ends a message waits for who accepts one.
-- Locks: ACCESS EXCLUSIVE on message, for a moment.

CREATE TABLE message_sender.quota (
	tenant_id text PRIMARY KEY
		CONSTRAINT quota_needs_its_tenant REFERENCES message_sender.tenant,
	daily bigint CHECK (daily >= 0),    -- null: no limit
	monthly bigint CHECK (monthly >= 0),
	day date NOT NULL DEFAULT '-infinity',
	day_used bigint NOT NULL DEFAULT 0,
	month_used bigint NOT NULL DEFAULT 0,
	set_by text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE message_sender.quota IS
	'what tenants may send in a day and a month, without a Tenant Service';

CREATE TABLE message_sender.quota_change (
	message_id uuid NOT NULL,
	amount smallint NOT NULL CHECK (amount IN (-1, 1)),
	tenant_id text NOT NULL,
	charged_on date NOT NULL,
	at timestamptz NOT NULL,
	counted boolean NOT NULL DEFAULT false, -- it is in quota's counts
	PRIMARY KEY (message_id, amount)
);
CREATE INDEX quota_change_new ON message_sender.quota_change (tenant_id) WHERE NOT counted;
COMMENT ON TABLE message_sender.quota_change IS
	'charged messages that ended unsent (-1), or were sent after all (1); kept 70 days';

ALTER TABLE message_sender.message ADD COLUMN charged_on date;
COMMENT ON COLUMN message_sender.message.charged_on IS
	'the tenant''s day that it was charged to; null: it has no quota of ours';

-- What a charged message came to.  Sent once, it stays charged whatever follows.
CREATE FUNCTION message_sender.quota_ended() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO message_sender.quota_change (message_id, amount, tenant_id, charged_on, at)
	VALUES (NEW.message_id, CASE WHEN NEW.state IN ('failed', 'cancelled', 'expired') THEN -1
		ELSE 1 END, NEW.tenant_id, NEW.charged_on, clock_timestamp())
	ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE TRIGGER quota_ended AFTER UPDATE OF state ON message_sender.message FOR EACH ROW
	WHEN (NEW.charged_on IS NOT NULL AND OLD.wamid IS NULL
		AND OLD.state NOT IN ('sent', 'delivered', 'read')
		AND (OLD.state IN ('failed', 'cancelled', 'expired'))
			<> (NEW.state IN ('failed', 'cancelled', 'expired')))
	EXECUTE FUNCTION message_sender.quota_ended();

-- What a tenant has used of its day and month by now; the day.  For people; with changes that are
-- not counted yet.
CREATE FUNCTION message_sender.quota_used(q message_sender.quota, OUT today date,
	OUT day_used bigint, OUT month_used bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	day_change bigint;
	month_change bigint;
BEGIN
	today := (clock_timestamp() AT TIME ZONE message_sender.tenant_time_zone(q.tenant_id))::date;
	SELECT coalesce(sum(c.amount) FILTER (WHERE c.charged_on = today), 0),
		coalesce(sum(c.amount) FILTER (WHERE date_trunc('month', c.charged_on)
			= date_trunc('month', today)), 0)
	INTO day_change, month_change
	FROM message_sender.quota_change c WHERE c.tenant_id = q.tenant_id AND NOT c.counted;
	day_used := greatest(day_change + CASE WHEN q.day = today THEN q.day_used ELSE 0 END, 0);
	month_used := greatest(month_change + CASE WHEN date_trunc('month', q.day)
		= date_trunc('month', today) THEN q.month_used ELSE 0 END, 0);
END
$$;

-- Charges messages, in their order, as far as there is room.  A row for each of a tenant with a
-- quota that is new: over 0: charged; 1, 2: beyond the daily, the monthly limit.  `again`: some may
-- be there already; what is there, or is refused for its key, is not charged.  Who is in doubt waits here: the row of
-- quota is locked until its transaction ends.
CREATE FUNCTION message_sender.quota_take(ids uuid[], tenants text[], states text[], keys text[],
	again boolean)
RETURNS TABLE (message_id uuid, over smallint, charged_on date)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	q message_sender.quota;
	today date;
	used_day bigint;
	used_month bigint;
	wanted uuid[];
	room bigint;
	taken bigint;
BEGIN
	FOR q IN SELECT k.* FROM message_sender.quota k WHERE k.tenant_id = ANY (tenants)
			ORDER BY k.tenant_id FOR UPDATE LOOP
		SELECT array_agg(w.id ORDER BY w.ord) INTO wanted
		FROM (SELECT i.*, row_number() OVER (PARTITION BY i.key ORDER BY i.ord) AS nth
			FROM unnest(ids, tenants, states, keys) WITH ORDINALITY
				AS i (id, tenant_id, state, key, ord)
			WHERE i.tenant_id = q.tenant_id AND i.state IN ('queued', 'scheduled')) AS w
		WHERE NOT (again AND EXISTS (SELECT FROM message_sender.message m
				WHERE m.message_id = w.id))
			AND (w.key IS NULL OR (w.nth = 1 AND NOT EXISTS (
				SELECT FROM message_sender.idempotency_key k
				WHERE k.tenant_id = q.tenant_id AND k.key = w.key AND k.message_id <> w.id
					AND k.expires_at > statement_timestamp())));
		CONTINUE WHEN wanted IS NULL;
		today := (clock_timestamp()
			AT TIME ZONE message_sender.tenant_time_zone(q.tenant_id))::date;
		-- In one statement, as what comes meanwhile is for the next one.
		WITH changes AS (
			UPDATE message_sender.quota_change c SET counted = true
			WHERE c.tenant_id = q.tenant_id AND NOT c.counted
			RETURNING c.charged_on AS of_day, c.amount
		)
		SELECT coalesce(sum(c.amount) FILTER (WHERE c.of_day = today), 0),
			coalesce(sum(c.amount) FILTER (WHERE date_trunc('month', c.of_day)
				= date_trunc('month', today)), 0)
		INTO used_day, used_month FROM changes c;
		used_day := greatest(used_day + CASE WHEN q.day = today THEN q.day_used ELSE 0 END, 0);
		used_month := greatest(used_month + CASE WHEN date_trunc('month', q.day)
			= date_trunc('month', today) THEN q.month_used ELSE 0 END, 0);
		room := least(q.daily - used_day, q.monthly - used_month, cardinality(wanted));
		taken := greatest(room, 0);
		UPDATE message_sender.quota k
		SET day = today, day_used = used_day + taken, month_used = used_month + taken
		WHERE k.tenant_id = q.tenant_id;
		RETURN QUERY
		SELECT w.id, CASE WHEN w.ord <= taken THEN 0 WHEN q.daily <= used_day + taken THEN 1
			ELSE 2 END::smallint, today
		FROM unnest(wanted) WITH ORDINALITY AS w (id, ord);
	END LOOP;
END
$$;

-- Takes charges back of messages that are not stored after all, in the transaction that made them.
CREATE FUNCTION message_sender.quota_return(tenants text[]) RETURNS void
LANGUAGE sql STRICT
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE message_sender.quota k
	SET day_used = k.day_used - t.n, month_used = k.month_used - t.n
	FROM (SELECT tenant_id, count(*) AS n FROM unnest(tenants) AS u (tenant_id) GROUP BY 1) AS t
	WHERE k.tenant_id = t.tenant_id AND k.tenant_id = ANY (tenants)
$$;

REVOKE ALL ON FUNCTION message_sender.quota_ended(), message_sender.quota_used(message_sender.quota),
	message_sender.quota_take(uuid[], text[], text[], text[], boolean),
	message_sender.quota_return(text[]) FROM PUBLIC;

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['quota', 'quota_change'] LOOP
		EXECUTE pg_catalog.format('ALTER TABLE message_sender.%I ENABLE ROW LEVEL SECURITY', name);
		EXECUTE pg_catalog.format('ALTER TABLE message_sender.%I FORCE ROW LEVEL SECURITY', name);
		EXECUTE pg_catalog.format('CREATE POLICY owner ON message_sender.%I TO CURRENT_USER'
			|| ' USING (true) WITH CHECK (true)', name);
		IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
			EXECUTE pg_catalog.format('CREATE POLICY app ON message_sender.%I'
				|| ' TO message_sender_app USING (true) WITH CHECK (true)', name);
			EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE, DELETE'
				|| ' ON message_sender.%I TO message_sender_app', name);
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT EXECUTE ON FUNCTION message_sender.quota_used(message_sender.quota),
			message_sender.quota_take(uuid[], text[], text[], text[], boolean),
			message_sender.quota_return(text[]) TO message_sender_app;
	END IF;
END
$$;
