-- replay_send: sends failed messages once more, as new ones; one transaction.
-- Parameters: $1 uuid[] ids; $2 smallint[] lanes of their tenants; $3 text who; $4 text why;
--   $5 integer seconds of validity; $6 boolean also what was replayed; $7 boolean also what may
--   have been sent.
-- Result: a row a message that was replayed: old and new id.
-- Indexes: primary keys.  Locks: the new rows.
SELECT r.replay_of, r.message_id
FROM message_sender.replay($1::uuid[], $2::smallint[], $3::text, $4::text,
	$5::integer * interval '1 second', $6::boolean, $7::boolean) AS r
