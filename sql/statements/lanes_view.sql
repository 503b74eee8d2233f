-- lanes_view: the incarnations that are not fenced, and the lanes of each.
-- Parameters: none.
-- Result: one row an incarnation: id, node_id, boot_id, node_file, draining, milliseconds left
--   of its lease, lanes as bits, whether lanes are held.  A lane in no row is free.
-- Indexes: incarnation_live, hold_current; all 64 lanes are read.  Locks: none.
SELECT i.id, i.node_id, i.boot_id, i.node_file, i.draining,
	greatest(-86400000, least(86400000,
		extract(epoch FROM i.lease_until - clock_timestamp()) * 1000))::bigint,
	coalesce(bit_or(1::bigint << l.lane), 0), message_sender.lanes_held()
FROM (
	SELECT * FROM message_sender.incarnation WHERE NOT fenced ORDER BY id LIMIT 256
) AS i
LEFT JOIN message_sender.lane l ON l.incarnation = i.id AND l.lane BETWEEN 0 AND 63
GROUP BY i.id, i.node_id, i.boot_id, i.node_file, i.draining, i.lease_until
