-- key_without_message: an idempotency key of a message, or bulk call, that does not exist
SELECT k.message_id FROM message_sender.idempotency_key k
WHERE k.expires_at > pg_catalog.now() AND NOT EXISTS (
	SELECT FROM message_sender.message m
	WHERE m.message_id = k.message_id AND m.tenant_id = k.tenant_id)
AND NOT EXISTS (
	SELECT FROM message_sender.batch b
	WHERE b.batch_id = k.message_id AND b.tenant_id = k.tenant_id)
