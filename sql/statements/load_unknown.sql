-- load_unknown: work of some lanes whose reply was lost and that is to be looked at, with all that
-- its policy needs to know.
-- Parameters: $1 smallint[] lanes; $2 integer at most so many rows; $3 text policy of the service;
--   $4 integer its quarantine, s; $5 boolean also what was looked at by another policy than
--   the one in force now, due or not.
-- Result: one row a message, columns as unknown.c reads them: policy and quarantine in force,
--   the ages of loss and validity by this server's clock, the policies' resends so far, the first
--   receipt of the lost attempt, or of an earlier one that has not failed, and, when evidence is asked for, how many attempts of its
--   number that began after the lost one ended have receipts: 3 at most, of the first 1,000
--   receipts that came since; whether it was lost before PostgreSQL was restored: then there is
--   no evidence; last, when the policy was set for its tenant, null: it is the service's.
-- Indexes: work_unknown, receipt_number, primary keys.  Locks: none.
SELECT w.message_id, w.tenant_id, w.attempt, w.incarnation, w.number, w.begun_at,
	(SELECT m.conversation_id IS NOT NULL AND NOT w.copied FROM message_sender.message m
		WHERE m.message_id = w.message_id AND m.tenant_id = w.tenant_id),
	w.policy, w.quarantine,
	coalesce((extract(epoch FROM statement_timestamp() - w.lost_at) * 1000)::bigint, 0),
	(extract(epoch FROM w.expires_at - statement_timestamp()) * 1000)::bigint,
	(SELECT count(*) FROM message_sender.decision d WHERE d.message_id = w.message_id
		AND d.decision = 'resend' AND d.decided_by LIKE 'policy:%'),
	CASE WHEN w.policy = 'evidence'
		AND statement_timestamp() >= w.lost_at + w.quarantine * interval '1 second'
		AND NOT w.restored
	THEN (
		SELECT count(*) FROM (
			SELECT DISTINCT r.message_id, r.attempt
			FROM (SELECT t.message_id, t.attempt FROM message_sender.receipt t
				WHERE t.number = w.number AND t.received_at >= w.lost_at
					AND t.status = 'sent'
				ORDER BY t.received_at LIMIT 1000) AS r
			CROSS JOIN LATERAL (SELECT FROM message_sender.attempt a
				WHERE a.message_id = r.message_id AND a.attempt = r.attempt
					AND a.begun_at > w.ended_at OFFSET 0) AS later
			LIMIT 3) AS n)
	ELSE 0 END,
	r.attempt, r.wamid, r.at, w.restored, w.policy_set_at
FROM (
	SELECT w.*, coalesce(p.unknown_policy, $3::text) AS policy,
		coalesce(p.quarantine_seconds, $4::integer) AS quarantine,
		p.set_at AS policy_set_at, a.ended_at,
		EXISTS (SELECT FROM message_sender.restore s WHERE s.number > 0
			AND s.noticed_at >= least(a.ended_at, w.lost_at)) AS restored
	FROM unnest($1::smallint[]) AS l (lane)
	CROSS JOIN LATERAL (
		(SELECT w.* FROM message_sender.work w
		WHERE w.lane = l.lane AND w.wait = 2 AND w.due_at <= statement_timestamp()
		ORDER BY w.due_at LIMIT $2::integer)
		UNION ALL
		(SELECT w.* FROM message_sender.work w
		LEFT JOIN LATERAL (SELECT t.* FROM message_sender.tenant_policy t
			WHERE t.tenant_id = w.tenant_id OFFSET 0) AS t ON true
		WHERE $5::boolean AND w.lane = l.lane AND w.wait IN (2, 4)
			AND NOT (w.wait = 2 AND w.due_at <= statement_timestamp())
			AND (w.settle_policy, w.settle_quarantine) IS DISTINCT FROM
				(coalesce(t.unknown_policy, $3::text),
				coalesce(t.quarantine_seconds, $4::integer))
		LIMIT $2::integer)
	) AS w
	LEFT JOIN LATERAL (SELECT t.* FROM message_sender.tenant_policy t
		WHERE t.tenant_id = w.tenant_id OFFSET 0) AS p ON true
	LEFT JOIN LATERAL (
		SELECT a.ended_at FROM message_sender.attempt a
		WHERE a.message_id = w.message_id AND a.attempt = w.attempt OFFSET 0
	) AS a ON true
	LIMIT $2::integer
) AS w
LEFT JOIN LATERAL (
	SELECT t.attempt, t.wamid, t.at FROM message_sender.receipt t
	WHERE t.message_id = w.message_id AND t.attempt <= w.attempt
		AND (t.attempt = w.attempt OR t.status NOT IN ('sent', 'failed')
			OR t.status = 'sent' AND (SELECT f.attempt FROM message_sender.receipt f
				WHERE f.message_id = w.message_id AND f.attempt = t.attempt
					AND f.status = 'failed' LIMIT 1) IS NULL)
	ORDER BY t.attempt, t.at LIMIT 1
) AS r ON true
