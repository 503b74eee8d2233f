-- webhook: what Meta posted, as it came.
-- Parameters: $1 bytea[] bodies.
-- Result: none.  Locks: the new rows.
INSERT INTO message_sender.webhook (received_at, body)
SELECT statement_timestamp(), body FROM unnest($1::bytea[]) AS u (body)
