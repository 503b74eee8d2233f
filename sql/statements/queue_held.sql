-- queue_held: since when and why lanes are held after a restore.
-- Parameters: none.
-- Result: no row, or one: when it was noticed, why.
-- Index: hold_current.  Locks: none.
SELECT message_sender.time_text(h.set_at), h.note
FROM message_sender.hold h
WHERE h.scope = 'all' AND h.reason = 'restore' AND h.released_at IS NULL
