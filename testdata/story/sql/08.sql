-- What was denied, and by which policy?
SELECT 'yes' AS answer, audit_id, stage, received, username, acting_as, verb, uri, denied_by, message
FROM requests
WHERE denied_by <> ''
ORDER BY received
