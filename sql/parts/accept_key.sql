-- What takes the keys that an acceptance names: $27..$31, see accept_keyed.sql.
	INSERT INTO message_sender.idempotency_key AS k (tenant_id, key, fingerprint, message_id,
		created_at, runs_until, expires_at, answer_status, answer_body)
	SELECT DISTINCT ON (tenant_id, key) tenant_id, key, fingerprint, message_id,
		statement_timestamp(), statement_timestamp() + runs_ms * interval '1 millisecond',
		statement_timestamp() + interval '7 days', answer_status, answer_body
	FROM input WHERE key IS NOT NULL ORDER BY tenant_id, key, seq
	ON CONFLICT (tenant_id, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, message_id = excluded.message_id,
		created_at = excluded.created_at, runs_until = excluded.runs_until,
		expires_at = excluded.expires_at,
		answer_status = CASE WHEN k.message_id = excluded.message_id THEN k.answer_status
			ELSE excluded.answer_status END,
		answer_body = CASE WHEN k.message_id = excluded.message_id THEN k.answer_body
			ELSE excluded.answer_body END
	WHERE k.message_id = excluded.message_id OR k.expires_at <= statement_timestamp()
	RETURNING k.message_id
