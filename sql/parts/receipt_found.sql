-- $1..$16 of the statements that record receipts, and what they find: `matched` the receipts of
-- messages that are there, with how these stand; `fresh` those that were not recorded before.
-- Matched by callback data, else by wamid; what matches nothing, or is in `parked`, waits as an orphan.
input AS MATERIALIZED (
	SELECT u.*, hashtext(u.wamid) AS wamid_hash
	FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
		$7::text[], $8::text[], $9::boolean[], $10::text[], $11::text[], $12::integer[],
		$13::text[], $14::text[])
		WITH ORDINALITY AS u (message_id, attempt, status, at, wamid, number, category,
		pricing_model, billable, recipient, user_id, code, title, details, ord)
), strayed AS MATERIALIZED (
	SELECT i.ord, a.message_id, a.attempt
	FROM input i
	CROSS JOIN LATERAL (SELECT t.message_id, t.attempt FROM message_sender.attempt t
		WHERE hashtext(t.wamid) = i.wamid_hash AND t.wamid = i.wamid
		ORDER BY t.attempt LIMIT 1) AS a
	WHERE i.message_id IS NULL
), matched AS MATERIALIZED (
	SELECT i.*, m.message_id AS id, coalesce(s.attempt, i.attempt) AS nth, m.number AS own_number,
		m.tenant_id, m.outlet_id, m.batch_id, m.class, m.state, m.attempts, m.valid_until,
		greatest(m.accepted_at, m.send_at) AS asked_at, w.state AS live,
		w.attempt AS live_attempt, w.attempt_open AS live_open
	FROM input i
	LEFT JOIN strayed s ON s.ord = i.ord
	JOIN message_sender.message m ON m.message_id = coalesce(s.message_id, i.message_id)
		AND m.message_id = ANY ($1::uuid[] || ARRAY(SELECT message_id FROM strayed))
		AND m.message_id >= least($15::uuid, (SELECT message_id FROM strayed
			ORDER BY message_id LIMIT 1))
		AND m.message_id <= greatest($16::uuid, (SELECT message_id FROM strayed
			ORDER BY message_id DESC LIMIT 1))
	LEFT JOIN message_sender.work w ON w.message_id = m.message_id
		AND w.message_id = ANY ($1::uuid[] || ARRAY(SELECT message_id FROM strayed))
	WHERE i.ord <> ALL (ARRAY(SELECT ord FROM parked))
), orphaned AS (
	INSERT INTO message_sender.receipt_orphan (received_at, due_at, at, message_id, code, attempt,
		billable, status, wamid, number, recipient, user_id, category, pricing_model, title,
		details)
	SELECT statement_timestamp(), statement_timestamp() + interval '1 s', i.at, i.message_id,
		i.code, i.attempt, i.billable, i.status, i.wamid, i.number, i.recipient, i.user_id,
		i.category, i.pricing_model, i.title, i.details
	FROM input i WHERE i.ord <> ALL (ARRAY(SELECT ord FROM matched))
	ORDER BY i.wamid, i.status, i.at
	ON CONFLICT DO NOTHING
), stored AS (
	INSERT INTO message_sender.receipt (message_id, at, received_at, code, attempt, billable,
		status, number, wamid, user_id, category, pricing_model, title, details)
	SELECT id, at, statement_timestamp(), code, nth, billable, status,
		coalesce(own_number, number, ''), wamid, user_id, category, pricing_model, title, details
	FROM matched ORDER BY id, nth, status, at, wamid_hash
	ON CONFLICT DO NOTHING
	RETURNING message_id, attempt, status, at, wamid_hash
), fresh AS MATERIALIZED (
	SELECT DISTINCT ON (k.id, k.nth, k.status, k.at, k.wamid_hash) k.*
	FROM matched k
	JOIN stored s ON s.message_id = k.id AND s.attempt = k.nth AND s.status = k.status
		AND s.at = k.at AND s.wamid_hash = k.wamid_hash
	ORDER BY k.id, k.nth, k.status, k.at, k.wamid_hash, k.ord
)
