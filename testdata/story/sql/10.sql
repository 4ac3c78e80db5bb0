-- What was done from 127.0.0.66, and by whom? Only the last address is the apiserver's own knowledge.
SELECT 'yes' AS answer, audit_id, stage, received, username, acting_as, agent, verb, uri, code
FROM requests
WHERE source_ip = '127.0.0.66'
ORDER BY received
