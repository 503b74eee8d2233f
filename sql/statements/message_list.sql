-- message_list: one page of a tenant's messages, newest first.
-- Parameters: $1 text tenant; $2 text status, null: any; $3 bigint accepted since, in
--   microseconds since 1970, null: ever; $4 uuid only below this id, null: from the newest on;
--   $5 integer at most so many; $6 text of these outlets, divided by spaces, "": all.
-- Result: one row: the document (JSON).
-- Index: message (tenant_id, message_id), at most 5,001 rows.  Locks: none.
SELECT message_sender.message_page($1::text, $6::text, $2::text, 'epoch'::timestamptz
	+ $3::bigint * interval '1 microsecond', $4::uuid, $5::integer)
