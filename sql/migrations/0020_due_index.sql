-- What waits for later is passed over without a look at its row.
--
-- Purpose: after an outage a million messages may wait for their next attempts.  The load reads
-- each lane in order of seq and passes over what is not due: with due_at in the index that is a
-- walk through the index only.  The begin of an attempt does not change due_at, so it stays HOT.
-- Locks: SHARE on work while the index is built, ACCESS EXCLUSIVE for a moment.

CREATE INDEX work_sendable ON message_sender.work (lane, seq) INCLUDE (due_at) WHERE wait = 0;
DROP INDEX message_sender.work_to_send;
ALTER INDEX message_sender.work_sendable RENAME TO work_to_send;
