-- backlog_count: counts the work, keeps the count, and tells it as backlog_view does.
-- Parameters: $1 bigint: tenants with at least so many are kept.
-- Result: as backlog_view.  Reads all of work.  Locks: the row of backlog.
SELECT * FROM message_sender.backlog_count($1::bigint)
