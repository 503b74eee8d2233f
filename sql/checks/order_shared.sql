-- order_shared: two works with the same place in the order
SELECT message_id FROM (
	SELECT message_id, count(*) OVER (PARTITION BY seq) AS times FROM message_sender.work
) AS w
WHERE times > 1
