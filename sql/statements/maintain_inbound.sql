-- maintain_inbound: deletes what users wrote that many days ago, and who has not written since.
-- Parameters: $1 integer days, $2 integer rows at most of each.  Result: one row, how many.
-- Index: inbound_received; reads reply_window.  Locks: the rows.
SELECT message_sender.inbound_prune($1::integer, $2::integer)
