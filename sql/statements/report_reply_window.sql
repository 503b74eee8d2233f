-- report_reply_window: who can be written to freely now.
-- Parameters: $1 text tenant: must be null, as numbers are not tenants'; $2, $3 not used; $4 integer
--   rows at most.
-- Result: rows of report.reply_window, the latest first.  Locks: none.
SELECT w.number, w.person, w.last_inbound_at, w.open_until
FROM report.reply_window w
WHERE w.open_until > now() AND $1::text IS NULL AND $2::timestamptz IS NULL
	AND $3::timestamptz IS NULL
ORDER BY w.last_inbound_at DESC, w.number, w.person LIMIT $4::integer
