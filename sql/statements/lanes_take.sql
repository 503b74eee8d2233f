-- lanes_take: lanes that are free, or whose incarnation is fenced, become ours, unless they are
-- held after a restore; whose they were, and why they are not any more, is kept for the timeline.
-- Parameters: $1 uuid incarnation; $2 smallint[] lanes.
-- Result: none.
-- Our own row is locked by now, so nobody fences us meanwhile.  Lanes are locked in order;
-- one that another takes first is judged again, and left.
-- Why: the owner was fenced (with proof of its death, or as its lease had run out), or it
-- released them: as it drains (and its node goes on, or does not), or to share them out.
-- Indexes: primary keys, incarnation_live, hold_current.  Locks: the lanes taken.
WITH free AS MATERIALIZED (
	SELECT f.lane, f.incarnation IS NULL AS released,
		coalesce(f.incarnation, f.last_incarnation) AS owner
	FROM message_sender.lane f
	WHERE f.lane = ANY ($2::smallint[])
		AND (f.incarnation IS NULL OR f.incarnation IN
			(SELECT i.id FROM message_sender.incarnation i WHERE i.fenced))
	ORDER BY f.lane FOR UPDATE
), taken AS (
	UPDATE message_sender.lane l
	SET incarnation = $1::uuid, last_incarnation = $1::uuid, since = clock_timestamp()
	FROM free
	WHERE l.lane = free.lane AND l.lane = ANY ($2::smallint[])
		AND EXISTS (SELECT FROM message_sender.incarnation i
			WHERE i.id = $1::uuid AND NOT i.fenced)
		AND NOT message_sender.lanes_held()
	RETURNING l.lane, l.since, free.owner, free.released
)
INSERT INTO message_sender.lane_change (lane, at, from_incarnation, to_incarnation, why)
SELECT t.lane, t.since, t.owner, $1::uuid,
	CASE WHEN NOT t.released THEN CASE WHEN o.gone THEN 'death' ELSE 'lease' END
		WHEN NOT o.draining THEN 'share'
		WHEN EXISTS (SELECT FROM message_sender.incarnation n WHERE NOT n.fenced
			AND NOT n.draining AND n.node_id = o.node_id) THEN 'reload'
		ELSE 'stop' END
FROM taken t
CROSS JOIN LATERAL (
	SELECT i.* FROM message_sender.incarnation i WHERE i.id = t.owner OFFSET 0
) AS o
WHERE t.owner <> $1::uuid
ON CONFLICT DO NOTHING
