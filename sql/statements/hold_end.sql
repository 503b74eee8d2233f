-- hold_end: one hold ends.
-- Parameters: $1 integer hold; $2 text who; $3 text note.
-- Result: none.  Index: hold's primary key.  Locks: the row; hold_version's.
UPDATE message_sender.hold
SET released_by = $2::text, released_at = clock_timestamp(), release_note = $3::text
WHERE id = $1::integer AND released_at IS NULL
