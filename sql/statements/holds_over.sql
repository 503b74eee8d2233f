-- holds_over: holds whose time is over end.
-- Parameters: none.  Result: one row, how many.  Index: hold_until.  Locks: the rows; hold_version's.
SELECT message_sender.holds_over()
