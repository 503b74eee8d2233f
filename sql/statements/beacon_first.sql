-- beacon_first: this database is served for the first time, by this server.
-- Parameters: none.  Result: none.  Index: primary key.  Locks: the new row.
INSERT INTO message_sender.beacon (system_identifier, timeline)
SELECT s.system_identifier, s.timeline FROM message_sender.server_identity() s
ON CONFLICT DO NOTHING
