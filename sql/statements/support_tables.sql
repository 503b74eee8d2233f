-- support_tables: how large the tables are, and when they were vacuumed.
-- Parameters: none.  Result: a row a table: name, bytes with indexes, rows as estimated, dead ones,
--   the last vacuum.  Locks: none.
SELECT s.relname, pg_total_relation_size(s.relid), s.n_live_tup, s.n_dead_tup,
	message_sender.time_text(greatest(s.last_vacuum, s.last_autovacuum))
FROM pg_stat_user_tables s WHERE s.schemaname = 'message_sender'
ORDER BY pg_total_relation_size(s.relid) DESC, s.relname
