-- Trino, and Athena: FILES is the folder of logs, objects or packs. Each line is a row; no byte \001, which would part it in two, is in a line.
-- Athena: CREATE EXTERNAL TABLE lines (line string) LOCATION 'FILES'
CREATE TABLE lines (line varchar) WITH (format = 'TEXTFILE', external_location = 'FILES');

CREATE OR REPLACE VIEW events AS
SELECT
  json_extract_scalar(line, '$.requestReceivedTimestamp') AS received, json_extract_scalar(line, '$.auditID') AS audit_id, json_extract_scalar(line, '$.stage') AS stage,
  json_extract_scalar(line, '$.level') AS log_level, json_extract_scalar(line, '$.verb') AS verb, json_extract_scalar(line, '$.requestURI') AS uri,
  coalesce(json_extract_scalar(line, '$.userAgent'), '') AS agent, coalesce(json_extract_scalar(line, '$.user.username'), '') AS username,
  coalesce(json_extract_scalar(line, '$.impersonatedUser.username'), '') AS acting_as,
  ',' || array_join(CAST(json_extract(line, '$.user.groups') AS array(varchar)), ',') || ',' AS in_groups,
  coalesce(json_extract_scalar(line, '$.user.extra["authentication.kubernetes.io/credential-id"][0]'), '') AS credential,
  coalesce(json_extract_scalar(line, '$.annotations["authentication.kubernetes.io/issued-credential-id"]'), '') AS issued_credential,
  coalesce(json_extract_scalar(line, '$.annotations["authorization.k8s.io/decision"]'), '') AS decision,
  coalesce(element_at(CAST(json_extract(line, '$.sourceIPs') AS array(varchar)), -1), '') AS source_ip,
  coalesce(json_extract_scalar(line, '$.objectRef.apiGroup'), '') AS api_group, coalesce(json_extract_scalar(line, '$.objectRef.resource'), '') AS resource,
  coalesce(json_extract_scalar(line, '$.objectRef.subresource'), '') AS subresource, coalesce(json_extract_scalar(line, '$.objectRef.namespace'), '') AS namespace,
  coalesce(json_extract_scalar(line, '$.objectRef.name'), '') AS name,
  coalesce(CAST(json_extract_scalar(line, '$.responseStatus.code') AS integer), 0) AS code, coalesce(json_extract_scalar(line, '$.responseStatus.message'), '') AS message,
  coalesce(json_format(json_extract(line, '$.requestObject')), '') AS request, coalesce(json_format(json_extract(line, '$.responseObject')), '') AS response,
  coalesce(json_format(json_extract(line, '$.responseObject.spec')), json_format(json_extract(line, '$.requestObject.spec'))) AS spec,
  ',' || array_join(transform(CAST(json_extract(line, '$.responseObject.items') AS array(json)), item -> json_extract_scalar(item, '$.metadata.name')), ',') || ',' AS took,
  array_join(transform(regexp_extract_all(json_extract_scalar(line, '$.requestURI'), '[?&]command=([^&]*)', 1), word -> url_decode(word)), ' ') AS command
FROM lines WHERE json_extract_scalar(line, '$.kind') = 'Event';

-- A row for each subject that a binding has after a request, or that a patch adds.
CREATE OR REPLACE VIEW subjects AS
SELECT received, audit_id, stage, resource, namespace, name,
  coalesce(json_extract_scalar(response, '$.roleRef.kind'), json_extract_scalar(request, '$.roleRef.kind'), '') AS role_kind,
  coalesce(json_extract_scalar(response, '$.roleRef.name'), json_extract_scalar(request, '$.roleRef.name'), '') AS role_name,
  json_extract_scalar(subject, '$.kind') AS subject_kind, json_extract_scalar(subject, '$.name') AS subject_name
FROM (SELECT *, CASE WHEN response LIKE '{%' THEN CAST(json_extract(response, '$.subjects') AS array(json)) WHEN request LIKE '{%' THEN CAST(json_extract(request, '$.subjects') AS array(json))
    WHEN request LIKE '[%' THEN transform(CAST(json_parse(request) AS array(json)), one -> json_extract(one, '$.value')) END AS all_subjects
  FROM events WHERE api_group = 'rbac.authorization.k8s.io' AND resource LIKE '%bindings' AND code BETWEEN 200 AND 299)
CROSS JOIN UNNEST(all_subjects) AS t (subject);
