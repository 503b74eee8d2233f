-- Messages of one hold: the first of them probes whether its number's token was mended.
--
-- Locks: SHARE on work while the index is built.

CREATE INDEX work_held_by ON message_sender.work (hold, lane, seq) WHERE wait = 3;
