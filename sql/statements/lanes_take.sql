-- lanes_take: lanes that are free, or whose incarnation is fenced, become ours.
-- Parameters: $1 uuid incarnation; $2 smallint[] lanes.
-- Result: none.
-- Our own row is locked by now, so nobody fences us meanwhile.  Lanes are locked in order;
-- one that another takes first is judged again, and left.
-- Indexes: primary keys.  Locks: the lanes taken.
UPDATE message_sender.lane l
SET incarnation = $1::uuid, since = clock_timestamp()
FROM (
	SELECT f.lane FROM message_sender.lane f
	WHERE f.lane = ANY ($2::smallint[])
		AND (f.incarnation IS NULL OR f.incarnation IN
			(SELECT i.id FROM message_sender.incarnation i WHERE i.fenced))
	ORDER BY f.lane FOR UPDATE
) AS free
WHERE l.lane = free.lane AND l.lane = ANY ($2::smallint[])
	AND EXISTS (SELECT FROM message_sender.incarnation i WHERE i.id = $1::uuid AND NOT i.fenced)
