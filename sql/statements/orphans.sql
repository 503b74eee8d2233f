-- orphans: receipts of unknown messages are looked at again.
-- Parameters: none.
-- Result: a row for each that has found its message, as receipts.c reads them: message id, attempt,
--   status, at, wamid, number, category, pricing model, billable, recipient, user, code, title,
--   details; they are to be given in as receipts, and go when they are found recorded.
-- So many at a time, in the order they are due; the next look of each after half as long again as it
-- has waited, 1 s to 1 h; after 7 days it goes.
-- Indexes: receipt_orphan_due, attempt_wamid, primary keys.  Locks: the rows; skips those that others
-- hold.
WITH looked AS MATERIALIZED (
	SELECT o.ctid AS at_row, o.* FROM message_sender.receipt_orphan o
	WHERE o.due_at <= statement_timestamp()
	ORDER BY o.due_at LIMIT 500 FOR UPDATE SKIP LOCKED
), found AS MATERIALIZED (
	SELECT l.at_row, f.id, f.nth
	FROM looked l
	CROSS JOIN LATERAL (
		(SELECT m.message_id AS id, l.attempt AS nth FROM message_sender.message m
		WHERE m.message_id = l.message_id LIMIT 1)
		UNION ALL
		(SELECT t.message_id, t.attempt FROM message_sender.attempt t
		WHERE hashtext(t.wamid) = hashtext(l.wamid) AND t.wamid = l.wamid
			AND l.message_id IS NULL
		ORDER BY t.attempt LIMIT 1)
	) AS f
), recorded AS MATERIALIZED (
	SELECT l.at_row FROM looked l JOIN found f ON f.at_row = l.at_row
	WHERE (SELECT r.attempt FROM message_sender.receipt r WHERE r.message_id = f.id
		AND r.attempt = f.nth AND r.status = l.status AND r.at = l.at LIMIT 1) IS NOT NULL
), gone AS (
	DELETE FROM message_sender.receipt_orphan o
	WHERE o.ctid = ANY (ARRAY(SELECT at_row FROM recorded UNION ALL SELECT at_row FROM looked
		WHERE received_at < statement_timestamp() - interval '7 days'))
), kept AS (
	UPDATE message_sender.receipt_orphan o
	SET due_at = statement_timestamp() + least(greatest(
		(statement_timestamp() - o.received_at) / 2, interval '1 s'), interval '1 h')
	WHERE o.ctid = ANY (ARRAY(SELECT at_row FROM looked
		WHERE received_at >= statement_timestamp() - interval '7 days'
			AND at_row <> ALL (ARRAY(SELECT at_row FROM recorded))))
)
SELECT f.id, f.nth, l.status, l.at, l.wamid, l.number, l.category, l.pricing_model, l.billable,
	l.recipient, l.user_id, l.code, l.title, l.details
FROM found f JOIN looked l ON l.at_row = f.at_row
WHERE f.at_row <> ALL (ARRAY(SELECT at_row FROM recorded))
