-- attempts_missing: attempts that are not numbered from 1 without a gap
-- The last one may be under way, and then stands in work.
SELECT a.message_id FROM message_sender.attempt a
LEFT JOIN message_sender.work w USING (message_id)
GROUP BY a.message_id, w.message_id
HAVING min(a.attempt) <> 1 OR max(a.attempt) <> count(*)
	OR max(a.attempt) <> max(w.attempt) - bool_or(w.attempt_open)::integer
