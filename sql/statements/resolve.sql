-- resolve: a person decides about a message whose reply was lost.
-- Parameters: $1 uuid message id; $2 text sent, failed or resend; $3 text why; $4 text who;
--   $5 text the id of WhatsApp, when it is known and the message was sent.
-- Result: one row: what stands in the way, null when it is done.
-- Indexes: primary keys.  Locks: the rows of work and message.
SELECT message_sender.resolve($1::uuid, $2::text, $3::text, $4::text,
	$5::text)
