-- accept_again: accept, repeated after a loss that left in doubt whether it was committed.
-- Parameters: as accept.
-- Result: none; accept_seq tells what there is.
-- A row that is there already is ours and stays as it is: ON CONFLICT waits for a
-- transaction that is still in doubt.  Work is added only for a message added here.
-- Indexes: primary keys.  Locks: the new rows; waits for rows in doubt.
WITH input AS MATERIALIZED (
	SELECT u.*, nextval('message_sender.work_seq') AS seq
	FROM unnest(
@include accept_arrays
	) AS u (
@include accept_columns
	)
), stored AS (
@include accept_message
	FROM input ORDER BY message_id
	ON CONFLICT DO NOTHING
	RETURNING message_id
)
@include accept_work
FROM input
WHERE state IN ('queued', 'scheduled') AND (message_id IN (SELECT message_id FROM stored)) IS TRUE
ORDER BY message_id
