-- What was a dry run only?
SELECT dry_run AS answer, audit_id, stage, received, username, verb, uri
FROM requests
WHERE dry_run <> 'no'
ORDER BY received
