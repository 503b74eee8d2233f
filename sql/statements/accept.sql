-- accept: new messages and, unless they are not to be sent, their work.
-- Parameters: $1..$24 one array per column, in the order of the input; $25 incarnation,
--   for rows with attempt 1; $26 the host's time now, also that of the attempt's begin.
-- Result: one row, bigint[]: the seq of each message, in the order of the input.
-- Ids are new, so a conflict is the row's own fault.
-- Indexes: primary keys.  Locks: the new rows.
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
), queued AS (
@include accept_work
	FROM input WHERE state IN ('queued', 'scheduled') ORDER BY message_id
)
SELECT array_agg(seq) FROM input
