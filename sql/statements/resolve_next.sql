-- resolve_next: a person decides about the next unknown messages that fit; one transaction.
-- Parameters: $1..$6 as resolve_count; $7 uuid above this id, null: from the first; $8 integer at
--   most so many; $9 text sent, failed or resend; $10 text why; $11 text who.
-- Result: a row a message, in order of the ids: id, what stood in the way (null: it is done).
-- Index: work's primary key.  Locks: the rows of work and message, in that order of ids.
SELECT f.message_id, message_sender.resolve(f.message_id, $9::text, $10::text, $11::text, NULL)
FROM message_sender.resolvable($1::text, $2::text, $3::text, $4::integer, $5::timestamptz,
	$6::timestamptz, $7::uuid, $8::integer) AS f
