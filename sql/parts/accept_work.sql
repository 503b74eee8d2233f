-- So too its rows of work.  $19 incarnation, for rows with attempt 1; $20 the host's time now.
-- due_at, deadline_at and expires_at are kept by the server's clock.
	INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, caller_waits,
		attempt, attempt_open, incarnation, begun_at, deadline_at, due_at, expires_at, number)
	SELECT message_id, tenant_id, lane, seq,
		CASE WHEN attempt > 0 THEN 'sending' ELSE 'queued' END, caller_waits,
		attempt, attempt > 0, CASE WHEN attempt > 0 THEN $19::uuid END,
		CASE WHEN attempt > 0 THEN $20::timestamptz END,
		statement_timestamp() + (deadline_at - $20::timestamptz),
		statement_timestamp() + (accepted_at - $20::timestamptz),
		statement_timestamp() + (expires_at - $20::timestamptz), number
