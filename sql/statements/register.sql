-- register: this life of a worker, once, with its first lease.
-- Parameters: $1 uuid id; $2 uuid node id; $3 text host; $4 text worker; $5 text boot id;
--   $6 text node file.
-- Result: none.  Index: primary key.  Locks: the new row.
INSERT INTO message_sender.incarnation (id, node_id, node, worker, boot_id, node_file, lease_until)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text,
	clock_timestamp() + interval '10 seconds')
ON CONFLICT DO NOTHING
