-- keys_used: notes which API keys were used, and asks whether what keys permit has changed.
-- Parameters: $1 text[] ids.
-- Result: one row: the version of all keys.  Index: primary keys.  Locks: the rows.
SELECT message_sender.api_keys_used($1::text[])
