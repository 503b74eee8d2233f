-- Monthly partitions of message and attempt, made ahead of time, and a default for the rest.
--
-- Purpose: partitions_ahead(months) makes what is missing from last month to `months` ahead.
-- Idempotent; cheap when nothing is missing; one caller at a time, others leave at once.
-- The default partition takes what no month covers (clocks far off), so that an insert
-- never fails for want of a partition.
-- Locks: SHARE UPDATE EXCLUSIVE on the parent, ACCESS EXCLUSIVE on the (empty) default
-- partition while a new one is attached, which happens three months before it is needed; when it
-- cannot have them it warns and tries again next time.

CREATE TABLE message_sender.message_default PARTITION OF message_sender.message DEFAULT
	WITH (fillfactor = 85);
CREATE TABLE message_sender.attempt_default PARTITION OF message_sender.attempt DEFAULT;

-- The least UUIDv7 of a moment: 48 bits of milliseconds, then zeros.
CREATE FUNCTION message_sender.id_floor(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT (pg_catalog.lpad(pg_catalog.to_hex((EXTRACT(EPOCH FROM moment) * 1000)::bigint), 12, '0')
		|| pg_catalog.repeat('0', 20))::uuid
$$;

CREATE FUNCTION message_sender.partitions_ahead(months integer) RETURNS integer
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
		FOREACH parent IN ARRAY ARRAY['message', 'attempt'] LOOP
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

REVOKE ALL ON FUNCTION message_sender.partitions_ahead(integer) FROM PUBLIC;
