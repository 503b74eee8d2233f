-- batch_cancel: a page of the messages of a bulk call is cancelled.
-- Parameters: $1 uuid batch id; $2 uuid message id: those behind it; $3 integer at most so many.
-- Result: no row: there is no such batch; else one: the last message looked at, null: that was all.
-- Indexes: primary keys.  Locks: the batch's row; the rows of work.
SELECT next FROM message_sender.batch_cancel($1::uuid, $2::uuid, $3::integer)
