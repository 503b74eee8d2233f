-- What columns mean to who reads them with SQL.
--
-- Purpose: the exact state of a message is in two tables, and codes below zero are ours; a test
-- compares the list with the program's.
-- Locks: none that others wait for.

COMMENT ON COLUMN message_sender.message.state IS
	'as of its last outcome: a message stays queued (or retrying) here while it is being sent.'
	' While work has a row, work.state is exact: message_status(message_id) puts both together,'
	' as does SELECT message_sender.state_exact(m.state, w.state) FROM message_sender.message m'
	' LEFT JOIN message_sender.work w USING (message_id)';
COMMENT ON COLUMN message_sender.message.failure_code IS
	'Meta''s error code; below zero as attempt.code';
COMMENT ON COLUMN message_sender.message.attempts IS
	'attempts that have ended; work.attempt counts the one under way as well';
COMMENT ON COLUMN message_sender.work.state IS
	'exact: sending while an attempt is under way; message.state follows with its outcome';
COMMENT ON COLUMN message_sender.attempt.code IS
	'Meta''s error code. Below zero there was none: -2 429 without Meta''s body; -3 500 or 503'
	' without it; -4 another 5xx without it (a gateway''s 502, 504); -5 another 4xx without it;'
	' -6 2xx without a message id; -7 it never reached Meta; -8 it left, and the reply was lost;'
	' -11 no credentials of the outlet; -12 its validity ran out';
