-- beacon_restored: this server was restored or failed over, if nobody else has noticed yet.
-- Parameters: the beacon as it was judged: $1 uuid id; $2 bigint system identifier;
--   $3 bigint timeline; $4 bigint ticks; $5 bigint ticks from now on; $6 text why.
-- Result: one row: true: noticed now.
-- Indexes: beacon's primary key, incarnation_live.  Locks: beacon, all incarnations not fenced.
SELECT message_sender.restored($1::uuid, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::text)
