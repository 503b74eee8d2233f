-- support_migrations: what was applied when.
-- Parameters: none.  Result: a row a migration: name, time, the beginning of its checksum.
-- Locks: none.
SELECT m.name, message_sender.time_text(m.applied_at), left(m.checksum, 12)
FROM message_sender.schema_migration m ORDER BY m.name
