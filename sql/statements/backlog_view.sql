-- backlog_view: how much work waits, as it was counted last.
-- Parameters: none.
-- Result: a row a tenant near its limit, at least one: microseconds since the count began and
--   that it took, rows of work, order numbers drawn, tenant (null: none) and its rows; of those
--   to be sent, for high, normal and bulk, how many there are, and how many microseconds the
--   one due longest is due.
-- Index: none, one row.  Locks: none.
SELECT * FROM message_sender.backlog_view()
