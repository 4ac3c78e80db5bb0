-- What was denied, and then done by the same user in another way?
SELECT DISTINCT CASE WHEN dry_run = 'unknown' THEN 'unknown' ELSE 'yes' END AS answer, audit_id, stage, received, username, acting_as, verb, uri
FROM (SELECT r.audit_id AS audit_id, r.stage AS stage, r.received AS received, r.username AS username, r.acting_as AS acting_as, r.verb AS verb, r.uri AS uri, r.dry_run AS dry_run,
             row_number() OVER (PARTITION BY d.audit_id, d.received ORDER BY r.received) AS nth
      FROM requests d
      JOIN requests r ON r.username = d.username AND r.verb = d.verb AND r.api_group = d.api_group AND r.resource = d.resource AND r.subresource = d.subresource
      -- Of a create that wasn't authorized the log has no name.
      WHERE d.denied_by <> '' AND r.code BETWEEN 100 AND 399 AND r.dry_run <> 'yes' AND r.received > d.received AND (d.name = '' OR r.name = d.name)) x
WHERE nth = 1
ORDER BY received
