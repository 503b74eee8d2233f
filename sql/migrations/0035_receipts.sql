-- Receipts: what Meta reports by webhook, each distinct event once.
--
-- Purpose: `receipt` is remade (nothing has written it yet): one row per event, also when it comes
-- again; what matches no message yet waits in `receipt_orphan` and is looked at again; `webhook`
-- keeps what came as it came.  Both are kept for 7 days: webhooks lose whole days.
-- The index of attempts by their ids of WhatsApp is for receipts without our callback data.
-- Locks: ACCESS EXCLUSIVE on receipt; SHARE on attempt while the index is built.

DROP TABLE message_sender.receipt;
CREATE TABLE message_sender.receipt (
	message_id uuid NOT NULL,
	at timestamptz NOT NULL,            -- by Meta, whole seconds
	received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	wamid_hash integer NOT NULL         -- one attempt may have been taken twice
		GENERATED ALWAYS AS (pg_catalog.hashtext(wamid)) STORED,
	code integer,                       -- of errors[0]; so title and details
	attempt smallint NOT NULL,
	billable boolean,
	status text NOT NULL,               -- as Meta wrote it, whatever the word
	number text NOT NULL,
	wamid text NOT NULL,
	user_id text,                       -- business-scoped
	category text,                      -- of its price
	pricing_model text,
	title text,
	details text,
	PRIMARY KEY (message_id, attempt, status, at, wamid_hash)
) PARTITION BY RANGE (message_id);
COMMENT ON TABLE message_sender.receipt IS
	'statuses that Meta reported by webhook for an attempt, each event once';
-- For the policy `evidence`: attempts of a number of which Meta has told that it has them.
CREATE INDEX receipt_number ON message_sender.receipt (number, received_at) WHERE status = 'sent';
-- For whoever asks what has come since: costs nothing to keep, as rows come in its order.
CREATE INDEX receipt_received ON message_sender.receipt USING brin (received_at);
CREATE TABLE message_sender.receipt_default PARTITION OF message_sender.receipt DEFAULT;

CREATE INDEX attempt_wamid ON message_sender.attempt (pg_catalog.hashtext(wamid))
	WHERE wamid IS NOT NULL;

CREATE TABLE message_sender.receipt_orphan (
	received_at timestamptz NOT NULL,
	due_at timestamptz NOT NULL,        -- looked at again then
	at timestamptz NOT NULL,
	message_id uuid,                    -- of callback data that is like ours; else null
	code integer,
	attempt smallint,
	billable boolean,
	status text NOT NULL,
	wamid text NOT NULL,
	number text,
	recipient text,
	user_id text,
	category text,
	pricing_model text,
	title text,
	details text,
	PRIMARY KEY (wamid, status, at)
) WITH (fillfactor = 70,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
	autovacuum_vacuum_cost_delay = 0);
CREATE INDEX receipt_orphan_due ON message_sender.receipt_orphan (due_at);
COMMENT ON TABLE message_sender.receipt_orphan IS
	'receipts of messages that are not known (yet); kept for 7 days';

CREATE SEQUENCE message_sender.webhook_seq AS bigint CACHE 1;
CREATE TABLE message_sender.webhook (
	received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	seq bigint NOT NULL DEFAULT pg_catalog.nextval('message_sender.webhook_seq'),
	body bytea NOT NULL,
	PRIMARY KEY (received_at, seq)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE message_sender.webhook IS
	'what Meta posted, as it came, its signature verified; kept for 7 days';
-- Not every PostgreSQL is built with it; pglz costs twenty times as much.
DO $$
BEGIN
	ALTER TABLE message_sender.webhook ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END
$$;
CREATE TABLE message_sender.webhook_default PARTITION OF message_sender.webhook DEFAULT;

-- Days of webhooks: makes those to come and drops those that are past keeping.  Returns how many
-- it made or dropped.  What it cannot do now it warns of, and does the next time.
CREATE FUNCTION message_sender.webhook_days(ahead integer, keep integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	today timestamptz := date_trunc('day', now());
	day timestamptz;
	partition text;
	changed integer := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('message_sender.partitions_ahead', 0)) THEN
		RETURN 0;
	END IF;
	FOR day IN SELECT generate_series(today, today + make_interval(days => ahead),
			interval '1 day') LOOP
		partition := 'webhook' || to_char(day, '_YYYY_MM_DD');
		CONTINUE WHEN to_regclass('message_sender.' || partition) IS NOT NULL;
		BEGIN
			EXECUTE format('CREATE TABLE message_sender.%I'
				|| ' (LIKE message_sender.webhook INCLUDING ALL)', partition);
			EXECUTE format('ALTER TABLE message_sender.webhook ATTACH PARTITION'
				|| ' message_sender.%I FOR VALUES FROM (%L) TO (%L)', partition, day,
				day + interval '1 day');
			changed := changed + 1;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'partition % not made: %', partition, SQLERRM;
		END;
	END LOOP;
	FOR partition IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'message_sender.webhook'::regclass
				AND c.relname <= 'webhook' || to_char(today - make_interval(days => keep + 1),
					'_YYYY_MM_DD')
				AND c.relname LIKE 'webhook\_2%' LOOP
		BEGIN
			EXECUTE format('DROP TABLE message_sender.%I', partition);
			changed := changed + 1;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'partition % not dropped: %', partition, SQLERRM;
		END;
	END LOOP;
	RETURN changed;
END
$$;

-- All partitions, as far ahead and for as long as they are meant to be.  How many were changed.
CREATE FUNCTION message_sender.keep_partitions() RETURNS integer
LANGUAGE sql
AS $$
	SELECT message_sender.partitions_ahead(3) + message_sender.webhook_days(8, 7)
$$;

REVOKE ALL ON FUNCTION message_sender.webhook_days(integer, integer),
	message_sender.keep_partitions() FROM PUBLIC;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT ON message_sender.receipt TO message_sender_app;
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.receipt_orphan
			TO message_sender_app;
		GRANT SELECT, INSERT ON message_sender.webhook TO message_sender_app;
		GRANT SELECT, UPDATE, DELETE ON message_sender.webhook_default TO message_sender_app;
		GRANT USAGE ON SEQUENCE message_sender.webhook_seq TO message_sender_app;
		GRANT EXECUTE ON FUNCTION message_sender.webhook_days(integer, integer),
			message_sender.keep_partitions() TO message_sender_app;
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_maintenance') THEN
		GRANT EXECUTE ON FUNCTION message_sender.webhook_days(integer, integer),
			message_sender.keep_partitions() TO message_sender_maintenance;
	END IF;
END
$$;
