-- Any engine, after its own file: of each request the last stage. An audit id may have been chosen by the caller, and chosen twice: the time at which a
-- request came sets those apart. In dry_run, as in answers, unknown is what the level of the event doesn't tell.
CREATE OR REPLACE VIEW requests AS
SELECT e.*,
  CASE WHEN verb IN ('delete', 'deletecollection') THEN
         -- One that has a body, as kubectl's have, says it there, and then the URI doesn't count.
         CASE WHEN log_level = 'Metadata' THEN 'unknown'
              WHEN request <> '' AND request <> 'null' THEN CASE WHEN position('"dryRun":["All"]' IN request) > 0 THEN 'yes' ELSE 'no' END
              WHEN position('&dryRun=All' IN replace(uri, '?', '&')) > 0 THEN 'yes' ELSE 'no' END
       WHEN position('&dryRun=All' IN replace(uri, '?', '&')) > 0 THEN 'yes'
       WHEN subresource <> 'eviction' THEN 'no'
       WHEN log_level = 'Metadata' THEN 'unknown'
       WHEN position('"dryRun":["All"]' IN request) > 0 THEN 'yes' ELSE 'no' END AS dry_run,
  CASE WHEN code < 400 THEN ''
       WHEN position('ValidatingAdmissionPolicy ''' IN message) > 0
         THEN substr(message, position('ValidatingAdmissionPolicy ''' IN message), position(' with binding' IN message) - position('ValidatingAdmissionPolicy ''' IN message))
       WHEN position('admission webhook "' IN message) > 0 THEN substr(message, position('webhook "' IN message), position(' denied' IN message) - position('webhook "' IN message))
       WHEN position('violates PodSecurity "' IN message) > 0
         THEN substr(message, position('PodSecurity "' IN message), position('": ' IN substr(message, position('PodSecurity "' IN message))))
       WHEN position('cannot impersonate resource' IN message) > 0 THEN 'RBAC, impersonation'
       WHEN decision = 'forbid' THEN 'RBAC'
       ELSE '' END AS denied_by
FROM (SELECT *, row_number() OVER (PARTITION BY audit_id, received
        ORDER BY CASE stage WHEN 'RequestReceived' THEN 0 WHEN 'ResponseStarted' THEN 1 WHEN 'ResponseComplete' THEN 2 ELSE 3 END DESC) AS from_last
      FROM events) e
WHERE from_last = 1;
