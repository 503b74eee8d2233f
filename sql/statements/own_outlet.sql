-- own_outlet: what an outlet of our own tables sends with.
-- Parameters: $1 text tenant; $2 text outlet.
-- Result: one row: why it cannot send (null: it can), number, sealed token, sealed app secret.
-- Indexes: primary keys.  Locks: none.
SELECT fault, number, token, app_secret FROM message_sender.own_outlet($1::text, $2::text)
