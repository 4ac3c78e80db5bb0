-- Who deleted the NetworkPolicy db in payments?
SELECT CASE WHEN it = 'unknown' OR dry_run = 'unknown' THEN 'unknown' ELSE 'yes' END AS answer, audit_id, stage, received, username, acting_as, verb, uri
FROM (SELECT *, CASE WHEN verb = 'delete' AND name = 'db' THEN 'yes'
                     WHEN verb <> 'deletecollection' THEN 'no'
                     WHEN position('fieldSelector=metadata.name%3D' IN uri) > 0 THEN CASE WHEN position('metadata.name%3Ddb&' IN uri || '&') > 0 THEN 'yes' ELSE 'no' END
                     WHEN took IS NULL THEN 'unknown'
                     WHEN position(',db,' IN took) > 0 THEN 'yes' ELSE 'no' END AS it
      FROM requests WHERE resource = 'networkpolicies' AND namespace = 'payments' AND subresource = '' AND code BETWEEN 100 AND 399) x
WHERE it <> 'no' AND dry_run <> 'yes'
ORDER BY received
