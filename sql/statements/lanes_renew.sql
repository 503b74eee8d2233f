-- lanes_renew: our lease is good for ten seconds more, unless we are fenced.
-- Parameters: $1 uuid incarnation; $2 boolean draining.
-- Result: none.  Index: incarnation's primary key.  Locks: that row.
UPDATE message_sender.incarnation
SET lease_until = clock_timestamp() + interval '10 seconds', draining = $2::boolean
WHERE id = $1::uuid AND NOT fenced
