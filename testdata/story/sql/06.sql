-- Which commands were run in which pods, and which were only tried?
SELECT 'yes' AS answer, audit_id, stage, received, username, namespace, name, command, code
FROM requests
WHERE resource = 'pods' AND subresource = 'exec'
ORDER BY received
