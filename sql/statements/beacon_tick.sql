-- beacon_tick: counts on, unless another worker has within this second.
-- Parameters: none.
-- Result: one row: ticks, as far as they are committed or are with this; boolean: messages are
--   to be made unknown after a restore (mark_restored).
-- Indexes: beacon's primary key, restore_unmarked.  Locks: beacon's row, when it counts.
WITH ticked AS (
	UPDATE message_sender.beacon b
	SET ticks = b.ticks + 1, ticked_at = clock_timestamp()
	WHERE b.one AND b.ticked_at < clock_timestamp() - interval '1 second'
	RETURNING b.ticks
)
SELECT coalesce((SELECT t.ticks FROM ticked t), b.ticks),
	EXISTS (SELECT FROM message_sender.restore r
		WHERE r.number > 0 AND NOT r.marked)
FROM message_sender.beacon b WHERE b.one
