-- Who read Secrets?
SELECT 'yes' AS answer, audit_id, stage, received, username, acting_as, source_ip, verb, namespace, name
FROM requests
WHERE resource = 'secrets' AND verb IN ('get', 'list', 'watch') AND code BETWEEN 100 AND 399
ORDER BY received
