-- Who changed the NetworkPolicy web in shop, and how? Whether that is looser is for the reader to see, in spec and before.
SELECT CASE WHEN spec IS NULL OR before IS NULL THEN 'unknown' ELSE 'yes' END AS answer, audit_id, stage, received, username, verb, before, spec, request
FROM (SELECT *, lag(spec) OVER (ORDER BY received) AS before FROM requests
      WHERE resource = 'networkpolicies' AND namespace = 'shop' AND name = 'web' AND subresource = '' AND verb IN ('create', 'update', 'patch')
        AND code BETWEEN 200 AND 299 AND dry_run <> 'yes') x
WHERE verb <> 'create' AND (spec IS NULL OR before IS NULL OR spec <> before)
ORDER BY received
