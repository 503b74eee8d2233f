-- beacon: which server the database was written on, and which one answers.
-- Parameters: none.
-- Result: one row: id, system identifier, timeline, ticks of the beacon (null: the database was
--   never served); system identifier and timeline of this server.
-- Fails on a standby.  Index: beacon's primary key.  Locks: none.
SELECT b.id, b.system_identifier, b.timeline, b.ticks, s.system_identifier, s.timeline
FROM message_sender.server_identity() s
LEFT JOIN message_sender.beacon b ON b.one
