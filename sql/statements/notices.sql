-- notices: what webhooks tell besides receipts: who has written, who wants no marketing messages, what
-- numbers and accounts may do.
-- Parameters: $1..$14 one array per column: kind (inbound, preference, number, quality, account),
--   number, display, account, phone, user, at, until, wamid, type, event, stop, message id, raw.
-- Result: a row for each that changed something, as notices.c reads them: its position (from 1), what
--   (inbound, opt_out, number, rate, hold, release).
-- Whatever comes again changes nothing; of two times Meta's later one counts, in whatever order they
-- come.  Numbers before accounts, so that an account's numbers are known.
-- Indexes: primary keys; see preference_told, meta_told.  Locks: the rows, in order of their keys; of
-- numbers and accounts; hold_version's, with a change of holds or rates.
WITH input AS MATERIALIZED (
	SELECT u.*
	FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[],
		$12::boolean[], $13::uuid[], $14::bytea[])
		WITH ORDINALITY AS u (kind, number, display, account, phone, user_id, at, until, wamid,
		type, event, stop, message_id, raw, ord)
), came AS (
	INSERT INTO message_sender.inbound (wamid, received_at, at, number, phone, user_id, type, raw)
	SELECT DISTINCT ON (wamid) wamid, statement_timestamp(), at, number, phone, user_id,
		coalesce(type, ''), raw
	FROM input WHERE kind = 'inbound' ORDER BY wamid, ord
	ON CONFLICT DO NOTHING
	RETURNING wamid
), opened AS (
	-- What WhatsApp itself writes into the thread opens nothing.
	INSERT INTO message_sender.reply_window AS w (number, person, last_inbound_at)
	SELECT i.number, p.person, max(i.at)
	FROM input i CROSS JOIN LATERAL unnest(ARRAY[i.phone, i.user_id]) AS p (person)
	WHERE i.kind = 'inbound' AND i.type IS DISTINCT FROM 'system' AND p.person IS NOT NULL
	GROUP BY i.number, p.person ORDER BY i.number, p.person
	ON CONFLICT (number, person) DO UPDATE SET last_inbound_at = excluded.last_inbound_at
	WHERE excluded.last_inbound_at > w.last_inbound_at
)
SELECT min(i.ord)::integer, 'inbound' AS what
FROM input i
WHERE i.kind = 'inbound' AND i.wamid = ANY (ARRAY(SELECT wamid FROM came))
GROUP BY i.wamid
UNION ALL
SELECT i.ord::integer, 'opt_out'
FROM (SELECT * FROM input WHERE kind = 'preference' ORDER BY number, phone, user_id, at, ord) AS i
CROSS JOIN LATERAL message_sender.preference_told(i.number, i.phone, i.user_id, i.wamid,
	i.message_id, i.type, i.stop, i.at) AS changed
WHERE changed > 0
UNION ALL
SELECT i.ord::integer, t.done
FROM (SELECT * FROM input WHERE kind IN ('number', 'quality', 'account')
	ORDER BY kind = 'number' DESC, display, account, at, ord) AS i
CROSS JOIN LATERAL message_sender.meta_told(i.kind, i.number, i.display, i.account, i.event,
	i.type, i.at, i.until) AS t (done)
