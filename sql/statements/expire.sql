-- expire: takes out what is kept for some time only, about 1000 rows of each at a time: keys that
-- have expired, waits of messages of more than 30 days ago, changes of lanes as old as that, webhooks
-- as old as they are kept that are in no day's partition, changes of quotas of messages of more than
-- 70 days ago.
-- Parameters: $1 integer days for which webhooks are kept.  Result: one row, how many of the one that had most.
-- Ids grow with time, so the oldest keys are at the beginning of the index; a key never lives
-- longer than 7 days after its message's id was made, but for a host's clock.
-- Indexes: idempotency_key_message; primary keys.  Locks: the rows; skips those that others hold.
WITH keys AS (
	DELETE FROM message_sender.idempotency_key k
	WHERE k.message_id = ANY (ARRAY(
		SELECT e.message_id FROM message_sender.idempotency_key e
		WHERE e.message_id < message_sender.id_floor(statement_timestamp() - interval '7 days')
			AND e.expires_at <= statement_timestamp()
		ORDER BY e.message_id LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING 1
), waits AS (
	DELETE FROM message_sender.wait w
	WHERE w.message_id = ANY (ARRAY(
		SELECT e.message_id FROM message_sender.wait e
		WHERE e.message_id < message_sender.id_floor(statement_timestamp() - interval '30 days')
		ORDER BY e.message_id LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING 1
), refunds AS (
	DELETE FROM message_sender.quota_change q
	WHERE q.message_id = ANY (ARRAY(
		SELECT e.message_id FROM message_sender.quota_change e
		WHERE e.message_id < message_sender.id_floor(statement_timestamp() - interval '70 days')
		ORDER BY e.message_id LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING 1
), changes AS (
	DELETE FROM message_sender.lane_change c
	WHERE c.ctid = ANY (ARRAY(
		SELECT old.ctid FROM generate_series(0, 63) AS l (lane)
		CROSS JOIN LATERAL (
			SELECT e.ctid FROM message_sender.lane_change e
			WHERE e.lane = l.lane AND e.at < statement_timestamp() - interval '30 days'
			ORDER BY e.at LIMIT 16 FOR UPDATE SKIP LOCKED
		) AS old))
	RETURNING 1
), webhooks AS (
	DELETE FROM message_sender.webhook_default w
	WHERE w.ctid = ANY (ARRAY(
		SELECT e.ctid FROM message_sender.webhook_default e
		WHERE e.received_at < statement_timestamp() - make_interval(days => $1::integer)
		ORDER BY e.received_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING 1
)
SELECT greatest((SELECT count(*) FROM keys), (SELECT count(*) FROM waits),
	(SELECT count(*) FROM refunds), (SELECT count(*) FROM changes),
	(SELECT count(*) FROM webhooks))
