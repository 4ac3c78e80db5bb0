-- Who acted as whom?
SELECT 'yes' AS answer, audit_id, stage, received, username, acting_as, verb, uri, code
FROM requests
WHERE acting_as <> ''
ORDER BY received
