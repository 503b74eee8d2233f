-- lanes_release: lanes of ours that another may take.
-- Parameters: $1 uuid incarnation; $2 smallint[] lanes.
-- Result: none.  Index: lane's primary key.  Locks: those rows.
UPDATE message_sender.lane
SET incarnation = NULL, since = clock_timestamp()
WHERE lane = ANY ($2::smallint[]) AND incarnation = $1::uuid
