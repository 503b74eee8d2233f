-- receipts: what Meta reports of messages, but that they failed: each event once, with all it does.
-- Parameters: $1..$14 one array per column: message id and attempt by callback data (null: without),
--   status, at, wamid, number; then, empty when none has it, category, pricing model, billable,
--   recipient, user, code, title, details; $15, $16 least and greatest of the ids.
-- Result: a row for each receipt that is more than news, as receipts.c reads them: its position (from
--   1), what (repeated, orphan, settle), and of the last message id, attempt, tenant.
-- Only what was not there before does anything, and only of an attempt that has begun:
--   message  its state follows the ranks (domain/receipt.h), except that `sent` says nothing of an
--            attempt that has failed;
--   work     that waits, unknown or for another attempt, is settled by its owner, as the message was
--            taken (docs/decisions/0013).  An attempt that is under way is left to its outcome.
-- Indexes: primary keys, attempt_wamid.  Locks: work (held since receipts_lock), message; new rows.
WITH parked AS (
	SELECT NULL::bigint AS ord WHERE false
),
@include receipt_found
, news AS MATERIALIZED (
	SELECT f.id, min(f.wamid) AS wamid, min(f.at) AS at,
		min(f.at) FILTER (WHERE f.status = 'delivered') AS delivered_at,
		min(f.at) FILTER (WHERE f.status IN ('read', 'played')) AS read_at
	FROM fresh f
	WHERE f.status IN ('sent', 'delivered', 'read', 'played')
		AND f.nth <= greatest(f.attempts, f.live_attempt)
		AND (f.status <> 'sent' OR f.state IN ('sent', 'delivered', 'read', 'failed')
			OR (SELECT r.attempt FROM message_sender.receipt r WHERE r.message_id = f.id
				AND r.attempt = f.nth AND r.status = 'failed' LIMIT 1) IS NULL)
	GROUP BY f.id
), told AS (
	UPDATE message_sender.message m
	SET state = CASE WHEN n.read_at IS NOT NULL OR m.state = 'read' THEN 'read'
			WHEN n.delivered_at IS NOT NULL OR m.state = 'delivered' THEN 'delivered'
			ELSE 'sent' END,
		wamid = CASE WHEN m.state = 'retrying' THEN n.wamid ELSE coalesce(m.wamid, n.wamid) END,
		sent_at = coalesce(m.sent_at, n.at),
		delivered_at = least(m.delivered_at, n.delivered_at, n.read_at),
		read_at = least(m.read_at, n.read_at)
	FROM news n
	WHERE m.message_id = n.id AND m.message_id = ANY (ARRAY(SELECT id FROM news))
		AND m.message_id >= (SELECT id FROM news ORDER BY id LIMIT 1)
		AND m.message_id <= (SELECT id FROM news ORDER BY id DESC LIMIT 1)
		AND m.state NOT IN ('failed', 'cancelled', 'expired')
		AND (m.state IN ('queued', 'sending', 'retrying', 'unknown')
			OR least(n.delivered_at, n.read_at) < coalesce(m.delivered_at, 'infinity')
			OR n.read_at < coalesce(m.read_at, 'infinity'))
), due AS (
	UPDATE message_sender.work w
	SET state = 'unknown', wait = 2, hold = NULL, due_at = statement_timestamp(),
		lost_at = coalesce(w.lost_at, statement_timestamp()), settle_policy = NULL,
		settle_quarantine = NULL
	WHERE w.message_id = ANY (ARRAY(SELECT n.id FROM news n JOIN fresh f ON f.id = n.id
			AND f.live IN ('unknown', 'queued', 'retrying', 'held') AND NOT f.live_open))
		AND NOT w.attempt_open AND w.state IN ('unknown', 'queued', 'retrying', 'held')
	RETURNING w.message_id
)
@include receipt_notes
