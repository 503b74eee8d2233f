-- What is more than news, of the receipts in `input`.
SELECT ord::integer, 'orphan' AS what, NULL::uuid AS id, NULL::smallint AS nth, NULL AS tenant_id
FROM input WHERE ord <> ALL (ARRAY(SELECT ord FROM matched))
UNION ALL
SELECT ord::integer, 'repeated', NULL, NULL, NULL
FROM matched WHERE ord <> ALL (ARRAY(SELECT ord FROM fresh))
UNION ALL
SELECT f.ord::integer, 'settle', f.id, f.nth, f.tenant_id
FROM fresh f WHERE f.id = ANY (ARRAY(SELECT message_id FROM due))
