-- Settling lost replies by policy: what it needs to know, and where it is kept.
--
-- Purpose: work of state `unknown` says when its reply was lost and by which policy its owner means
-- to settle it, and when (due_at).  tenant_policy overrides the settings of the service for one
-- tenant.  receipt holds what Meta reports by webhook; the policy `evidence` looks for those of
-- later attempts of the same number.  Nothing writes it yet.
-- Locks: ACCESS EXCLUSIVE on work while it gets its columns and its index; new tables.

ALTER TABLE message_sender.work
	ADD COLUMN lost_at timestamptz,     -- the last attempt is lost, known since; else null
	ADD COLUMN settle_policy text,      -- of one that is unknown: as last looked at …
	ADD COLUMN settle_quarantine integer; -- … with this quarantine, seconds; null: not looked at
COMMENT ON COLUMN message_sender.work.lost_at IS
	'the last attempt is lost since; the next one begins only after a recorded decision to resend';
COMMENT ON COLUMN message_sender.work.wait IS
	'0: to be sent; 1: sent, to be copied; 2: unknown, to be looked at when due; 3: held;'
	' 4: unknown, kept for a person';
UPDATE message_sender.work SET lost_at = pg_catalog.now() WHERE state = 'unknown';
CREATE INDEX work_unknown ON message_sender.work (lane, wait, due_at) WHERE wait IN (2, 4);

CREATE TABLE message_sender.tenant_policy (
	tenant_id text PRIMARY KEY,
	unknown_policy text NOT NULL
		CHECK (unknown_policy IN ('hold', 'evidence', 'resend', 'fail')),
	quarantine_seconds integer          -- null: the service's
		CHECK (quarantine_seconds BETWEEN 1 AND 604800),
	set_by text NOT NULL CHECK (set_by <> ''),
	set_at timestamptz NOT NULL,
	why text NOT NULL
);
COMMENT ON TABLE message_sender.tenant_policy IS
	'tenants whose lost replies are settled otherwise than by the settings of the service';

CREATE TABLE message_sender.receipt (
	message_id uuid NOT NULL,
	attempt smallint NOT NULL,
	status text NOT NULL CHECK (status IN ('sent', 'delivered', 'read', 'failed')),
	number text NOT NULL,
	wamid text NOT NULL,
	at timestamptz NOT NULL,            -- by Meta
	received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (message_id, attempt, status)
) PARTITION BY RANGE (message_id);
COMMENT ON TABLE message_sender.receipt IS
	'statuses that Meta reports by webhook for an attempt, found by its callback data';
CREATE INDEX receipt_number ON message_sender.receipt (number, received_at);
CREATE TABLE message_sender.receipt_default PARTITION OF message_sender.receipt DEFAULT;

-- As before, of receipt too.
CREATE OR REPLACE FUNCTION message_sender.partitions_ahead(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	first timestamptz := date_trunc('month', now()) - interval '1 month';
	start timestamptz;
	parent text;
	partition text;
	made integer := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('message_sender.partitions_ahead', 0)) THEN
		RETURN 0;
	END IF;
	FOR start IN SELECT generate_series(first, first + make_interval(months => months + 1),
			interval '1 month') LOOP
		FOREACH parent IN ARRAY ARRAY['message', 'attempt', 'receipt'] LOOP
			partition := parent || to_char(start, '_YYYY_MM');
			CONTINUE WHEN to_regclass('message_sender.' || partition) IS NOT NULL;
			BEGIN
				EXECUTE format('CREATE TABLE message_sender.%I'
					|| ' (LIKE message_sender.%I INCLUDING ALL)', partition, parent);
				IF parent = 'message' THEN
					EXECUTE format('ALTER TABLE message_sender.%I'
						|| ' SET (fillfactor = 85)', partition);
				END IF;
				EXECUTE format('ALTER TABLE message_sender.%I ATTACH PARTITION'
					|| ' message_sender.%I FOR VALUES FROM (%L) TO (%L)', parent,
					partition, message_sender.id_floor(start),
					message_sender.id_floor(start + interval '1 month'));
				made := made + 1;
			EXCEPTION WHEN OTHERS THEN
				RAISE WARNING 'partition % not made: %', partition, SQLERRM;
			END;
		END LOOP;
	END LOOP;
	RETURN made;
END
$$;

-- What is to be known of one message's settling by policy, for people; no row unless it is unknown.
-- policy: null until its lane's owner has looked.  decides_at: null when a person is to decide.
CREATE FUNCTION message_sender.message_settling(id uuid)
RETURNS TABLE (policy text, quarantine integer, decides_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT w.settle_policy, w.settle_quarantine, CASE WHEN w.wait = 2 THEN w.due_at END
	FROM message_sender.work w
	WHERE w.message_id = id AND w.state = 'unknown';
END
$$;

REVOKE ALL ON FUNCTION message_sender.message_settling(uuid) FROM PUBLIC;

DO $$
DECLARE
	reader name;
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'message_sender_app') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON message_sender.tenant_policy
			TO message_sender_app;
		GRANT SELECT, INSERT ON message_sender.receipt TO message_sender_app;
	END IF;
	FOR reader IN SELECT rolname FROM pg_catalog.pg_roles
			WHERE rolname IN ('message_sender_reader', 'message_sender_app') LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION'
			|| ' message_sender.message_settling(uuid) TO %I', reader);
	END LOOP;
END
$$;
