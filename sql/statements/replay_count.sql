-- replay_count: what a replay would take, before it is done.
-- Parameters: $1 text tenant, $2 text outlet, $3 text number, $4 integer code (null: any);
--   $5, $6 timestamptz accepted since, until; $7 boolean also what was replayed; $8 boolean also
--   what may have been sent.  What was accepted never.
-- Result: a row a tenant and code, the most first, at most 1,000: tenant, code, messages that
--   would be replayed, left out because WhatsApp has them, because it may have them, because
--   replayed already, the first ids.
-- Index: message's primary key, between since and until.  Locks: none.
SELECT c.tenant_id, c.code, count(*) FILTER (WHERE c.wanted),
	count(*) FILTER (WHERE c.accepted),
	count(*) FILTER (WHERE c.lost AND NOT c.accepted AND NOT $8::boolean),
	count(*) FILTER (WHERE c.replays > 0 AND NOT $7::boolean),
	array_to_string((array_agg(c.message_id ORDER BY c.message_id) FILTER (WHERE c.wanted))[1:3],
		' ')
FROM (
	SELECT f.*, NOT f.accepted AND (NOT f.lost OR $8::boolean)
		AND (f.replays = 0 OR $7::boolean) AS wanted
	FROM message_sender.replayable($1::text, $2::text, $3::text, $4::integer,
		$5::timestamptz, $6::timestamptz, NULL) AS f
) AS c
GROUP BY c.tenant_id, c.code ORDER BY 3 DESC, 1, 2 LIMIT 1000
