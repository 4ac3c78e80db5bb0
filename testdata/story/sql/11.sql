-- Who gave rights to themselves, by a binding or by a role that they already had?
WITH writes AS (
  SELECT * FROM requests WHERE api_group = 'rbac.authorization.k8s.io' AND subresource = '' AND verb IN ('create', 'update', 'patch') AND code BETWEEN 200 AND 299 AND dry_run <> 'yes'
), firsts AS (
  SELECT *, row_number() OVER (PARTITION BY resource, namespace, name, subject_kind, subject_name ORDER BY received) AS nth FROM subjects WHERE stage = 'ResponseComplete'
)
SELECT 'yes' AS answer, w.audit_id AS audit_id, w.stage AS stage, w.received AS received, w.username AS username, w.resource AS resource, w.namespace AS namespace, w.name AS name
FROM writes w JOIN firsts s ON s.audit_id = w.audit_id AND s.received = w.received
WHERE s.nth = 1 AND ((s.subject_kind = 'User' AND s.subject_name = w.username)
  OR (s.subject_kind = 'Group' AND s.subject_name NOT LIKE 'system:%' AND position(',' || s.subject_name || ',' IN w.in_groups) > 0))
UNION ALL
SELECT DISTINCT 'yes' AS answer, w.audit_id AS audit_id, w.stage AS stage, w.received AS received, w.username AS username, w.resource AS resource, w.namespace AS namespace, w.name AS name
FROM writes w JOIN firsts s ON s.role_name = w.name
WHERE s.received < w.received AND w.log_level <> 'Metadata'
  AND ((w.resource = 'roles' AND s.role_kind = 'Role' AND s.namespace = w.namespace) OR (w.resource = 'clusterroles' AND s.role_kind = 'ClusterRole'))
  AND ((s.subject_kind = 'User' AND s.subject_name = w.username)
    OR (s.subject_kind = 'Group' AND s.subject_name NOT LIKE 'system:%' AND position(',' || s.subject_name || ',' IN w.in_groups) > 0))
UNION ALL
SELECT 'unknown' AS answer, audit_id, stage, received, username, resource, namespace, name FROM writes WHERE log_level = 'Metadata'
ORDER BY received
