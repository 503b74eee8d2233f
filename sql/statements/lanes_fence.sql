-- lanes_fence: incarnations whose lease has run out, or that are proven dead, begin no more.
-- Parameters: $1 uuid[] incarnations; $2 boolean[] proven dead.
-- Result: none.  Index: incarnation's primary key.  Locks: held since lanes_lock.
UPDATE message_sender.incarnation i
SET fenced = true, gone = i.gone OR u.dead
FROM unnest($1::uuid[], $2::boolean[]) AS u (id, dead)
WHERE i.id = u.id AND i.id = ANY ($1::uuid[]) AND NOT i.fenced
	AND (u.dead OR i.lease_until < clock_timestamp())
