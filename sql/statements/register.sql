-- register: this life of a worker, once.
-- Parameters: $1 uuid id; $2 text node; $3 text worker.
-- Result: none.  Index: primary key.  Locks: the new row.
INSERT INTO message_sender.incarnation (id, node, worker) VALUES ($1::uuid, $2::text, $3::text)
ON CONFLICT DO NOTHING
