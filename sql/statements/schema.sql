-- schema: which migrations have been applied.
-- Parameters: none.  Result: one row a migration: name.  Locks: none.
SELECT name FROM message_sender.schema_migration ORDER BY name
