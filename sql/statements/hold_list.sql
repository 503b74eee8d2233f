-- hold_list: the holds in force.
-- Parameters: none.
-- Result: at most 10,000 rows, the oldest first: scope; tenant, outlet, number, null unless the
--   scope has it (for a token: all three); reason, who, since when, why, messages that wait for its release.
-- Reads all held work.  Locks: none.
SELECT h.scope, nullif(h.tenant_id, ''), nullif(h.outlet_id, ''), nullif(h.number, ''),
	h.reason, h.set_by, message_sender.time_text(h.set_at), h.note,
	(SELECT count(*) FROM message_sender.work w WHERE w.wait = 3 AND w.hold = h.id)
FROM message_sender.hold h
WHERE h.released_at IS NULL ORDER BY h.set_at, h.id LIMIT 10000
