-- Who wrote to the Ingress web in shop, and what did it change?
SELECT CASE WHEN dry_run = 'unknown' THEN 'unknown' ELSE 'yes' END AS answer, audit_id, stage, received, username, verb, lag(spec) OVER (ORDER BY received) AS before, spec
FROM requests
WHERE resource = 'ingresses' AND namespace = 'shop' AND name = 'web' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete')
  AND code BETWEEN 200 AND 299 AND dry_run <> 'yes'
ORDER BY received
