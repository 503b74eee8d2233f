-- begin: attempt n begins, if n - 1 is the last one and its outcome is recorded.
-- Parameters: $1 uuid[] message ids, sorted; $2 smallint[] n; $3 text[] number;
--   $4 timestamptz[] deadline; $5 uuid incarnation; $6 the host's time now;
--   $7 boolean: false: only says which have begun already, in an earlier try of this batch.
-- Result: one row, bigint[]: positions (from 1) of those that have begun; null: none.
-- Never after `unknown`: behind a lost attempt only when it was decided and recorded to resend.
-- What was delivered after all, by a receipt that came together with the failure for which it is sent
-- again, does not begin either: its owner settles it.
-- One that names our incarnation already is ours: the statement was repeated.
-- Indexes: primary keys.  Locks: the rows of work.
WITH called_off AS (
	UPDATE message_sender.work w
	SET state = 'unknown', wait = 2, due_at = statement_timestamp(),
		lost_at = coalesce(w.lost_at, statement_timestamp()), settle_policy = NULL,
		settle_quarantine = NULL
	WHERE w.message_id = ANY (ARRAY(SELECT u.id FROM unnest($1::uuid[], $2::smallint[])
			AS u (id, attempt) WHERE u.attempt > 1))
		AND $7::boolean AND NOT w.attempt_open AND w.state = 'retrying'
		AND (SELECT m.state FROM message_sender.message m WHERE m.message_id = w.message_id)
			IN ('delivered', 'read')
	RETURNING w.message_id
), begun AS (
	UPDATE message_sender.work w
	SET attempt = u.attempt, attempt_open = true, state = 'sending', incarnation = $5::uuid,
		begun_at = $6::timestamptz, lost_at = NULL,
		deadline_at = statement_timestamp() + (u.deadline_at - $6::timestamptz),
		number = coalesce(w.number, u.number)
	FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::timestamptz[]) WITH ORDINALITY
		AS u (message_id, attempt, number, deadline_at, ord)
	WHERE w.message_id = u.message_id AND w.message_id = ANY ($1::uuid[])
		AND w.message_id <> ALL (ARRAY(SELECT message_id FROM called_off))
		AND (($7::boolean AND NOT w.attempt_open AND w.attempt = u.attempt - 1
				AND w.state IN ('queued', 'retrying')
				AND (w.lost_at IS NULL OR (SELECT d.decision
					FROM message_sender.decision d WHERE d.message_id = w.message_id
						AND d.attempt = w.attempt) = 'resend'))
			OR (w.attempt_open AND w.attempt = u.attempt AND w.incarnation = $5::uuid))
	RETURNING u.ord
)
SELECT array_agg(ord) FROM begun
