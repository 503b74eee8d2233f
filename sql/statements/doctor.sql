-- doctor: how the database is, for who asks whether all is well.
-- Parameters: none.
-- Result: one row: version of the server, its time (seconds since 1970), is it a standby, seconds
--   since reports were counted (null: never), months that have partitions from this one on, lanes
--   that a lease holds.
-- Locks: none.
SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())::text,
	pg_is_in_recovery(), extract(epoch FROM now() - a.counted_at)::bigint,
	(SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'message_sender'::regnamespace
		AND c.relname ~ '^message_\d{4}_\d{2}$'
		AND c.relname >= 'message_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')),
	(SELECT count(*) FROM message_sender.lane l JOIN message_sender.incarnation i
		ON i.id = l.incarnation WHERE NOT i.fenced AND i.lease_until > clock_timestamp())
FROM (SELECT s.counted_at FROM message_sender.rollup_state s) AS a
