-- report_json: a report of one tenant's roll-ups, for a caller.
-- Parameters: $1 text name; $2 text tenant; $3, $4 date since and until, null: 30 days ago, the
--   latest; $5 integer rows at most.
-- Result: one row: the document (JSON).
-- Indexes: primary keys of the roll-ups.  Locks: none.
SELECT message_sender.report_json($1::text, $2::text,
	coalesce($3::date, (statement_timestamp() - interval '30 days')::date),
	coalesce($4::date, (statement_timestamp() + interval '1 day')::date), $5::integer)
