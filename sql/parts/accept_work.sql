-- So too its rows of work.  $25 incarnation, for rows with attempt 1; $26 the host's time now.
-- due_at, deadline_at and expires_at are kept by the server's clock.
	INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, wait,
		caller_waits, attempt, attempt_open, incarnation, begun_at, deadline_at, due_at,
		expires_at, number, class, queue)
	SELECT message_id, tenant_id, lane, seq,
		CASE WHEN attempt > 0 THEN 'sending' ELSE state END,
		CASE WHEN state = 'scheduled' THEN 5 ELSE 0 END, caller_waits,
		attempt, attempt > 0, CASE WHEN attempt > 0 THEN $25::uuid END,
		CASE WHEN attempt > 0 THEN $26::timestamptz END,
		statement_timestamp() + (deadline_at - $26::timestamptz),
		statement_timestamp() + (coalesce(due_at, accepted_at) - $26::timestamptz),
		statement_timestamp() + (expires_at - $26::timestamptz), number,
		(queue & 3)::smallint, queue
