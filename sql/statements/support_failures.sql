-- support_failures: what failed among the messages of the last day, by code.
-- Parameters: none.  Result: at most 50 rows: code, messages, when the last one failed.
-- Index: message's primary key.  Locks: none.
SELECT m.failure_code, count(*), message_sender.time_text(max(m.failed_at))
FROM message_sender.message m
WHERE m.message_id >= message_sender.id_floor(now() - interval '1 day') AND m.state = 'failed'
GROUP BY m.failure_code ORDER BY count(*) DESC LIMIT 50
