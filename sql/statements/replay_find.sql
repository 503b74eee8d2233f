-- replay_find: the next messages that a replay takes.
-- Parameters: $1..$8 as replay_count; $9 uuid above this id, null: from the first; $10 integer at
--   most so many.
-- Result: a row a message, in order of the ids: id, tenant.
-- Index: message's primary key, between since and until.  Locks: none.
SELECT f.message_id, f.tenant_id
FROM message_sender.replayable($1::text, $2::text, $3::text, $4::integer,
	$5::timestamptz, $6::timestamptz, $9::uuid) AS f
WHERE NOT f.accepted AND (NOT f.lost OR $8::boolean) AND (f.replays = 0 OR $7::boolean)
LIMIT $10::integer
