-- A release ends the hold of a restore, and marks nothing.
--
-- Purpose: all of a backlog marked in one transaction keeps its locks from portion to portion, in
-- which order nobody else takes them, and loses everything when it fails.  Who releases calls
-- mark_restored() first, a transaction for each portion; here it is seen that nothing is left.
-- Locks: replaces a function.

-- Lets lanes be taken again, once all is marked.  Returns how many messages are unknown; -1 when
-- some are still to be marked, and nothing is changed; null when nothing was held.
CREATE OR REPLACE FUNCTION message_sender.release_lanes(who text, why text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unknown bigint;
BEGIN
	IF NOT message_sender.lanes_held() THEN
		RETURN NULL;
	END IF;
	SELECT count(*) INTO unknown FROM message_sender.work w WHERE w.state = 'unknown';
	-- Whoever notices the next restore takes this row first.
	PERFORM FROM message_sender.beacon b WHERE b.one FOR UPDATE;
	IF EXISTS (SELECT FROM message_sender.restore r WHERE NOT r.marked) THEN
		RETURN -1;
	END IF;
	UPDATE message_sender.hold h
	SET released_at = clock_timestamp(), released_by = who, release_note = why
	WHERE h.scope = 'all' AND h.reason = 'restore' AND h.released_at IS NULL;
	RETURN unknown;
END
$$;
