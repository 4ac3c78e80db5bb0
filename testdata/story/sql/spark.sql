-- Spark: FILES is a path or a glob of logs. Of objects and packs it reads those whose names end in .zst.
CREATE OR REPLACE VIEW events AS
SELECT
  get_json_object(line, '$.requestReceivedTimestamp') AS received, get_json_object(line, '$.auditID') AS audit_id, get_json_object(line, '$.stage') AS stage,
  get_json_object(line, '$.level') AS log_level, get_json_object(line, '$.verb') AS verb, get_json_object(line, '$.requestURI') AS uri,
  coalesce(get_json_object(line, '$.userAgent'), '') AS agent, coalesce(get_json_object(line, '$.user.username'), '') AS username,
  coalesce(get_json_object(line, '$.impersonatedUser.username'), '') AS acting_as,
  ',' || array_join(from_json(get_json_object(line, '$.user.groups'), 'array<string>'), ',') || ',' AS in_groups,
  coalesce(get_json_object(line, '$.user.extra[\'authentication.kubernetes.io/credential-id\'][0]'), '') AS credential,
  coalesce(get_json_object(line, '$.annotations[\'authentication.kubernetes.io/issued-credential-id\']'), '') AS issued_credential,
  coalesce(get_json_object(line, '$.annotations[\'authorization.k8s.io/decision\']'), '') AS decision,
  coalesce(element_at(from_json(get_json_object(line, '$.sourceIPs'), 'array<string>'), -1), '') AS source_ip,
  coalesce(get_json_object(line, '$.objectRef.apiGroup'), '') AS api_group, coalesce(get_json_object(line, '$.objectRef.resource'), '') AS resource,
  coalesce(get_json_object(line, '$.objectRef.subresource'), '') AS subresource, coalesce(get_json_object(line, '$.objectRef.namespace'), '') AS namespace,
  coalesce(get_json_object(line, '$.objectRef.name'), '') AS name,
  coalesce(CAST(get_json_object(line, '$.responseStatus.code') AS INT), 0) AS code, coalesce(get_json_object(line, '$.responseStatus.message'), '') AS message,
  coalesce(get_json_object(line, '$.requestObject'), '') AS request, coalesce(get_json_object(line, '$.responseObject'), '') AS response,
  coalesce(get_json_object(line, '$.responseObject.spec'), get_json_object(line, '$.requestObject.spec')) AS spec,
  ',' || array_join(from_json(get_json_object(line, '$.responseObject'), 'items array<struct<metadata:struct<name:string>>>').items.metadata.name, ',') || ',' AS took,
  array_join(transform(regexp_extract_all(get_json_object(line, '$.requestURI'), '[?&]command=([^&]*)', 1), word -> url_decode(word)), ' ') AS command
FROM (SELECT value AS line FROM text.`FILES`) WHERE get_json_object(line, '$.kind') = 'Event';

-- A row for each subject that a binding has after a request, or that a patch adds.
CREATE OR REPLACE VIEW subjects AS
SELECT received, audit_id, stage, resource, namespace, name,
  coalesce(get_json_object(response, '$.roleRef.kind'), get_json_object(request, '$.roleRef.kind'), '') AS role_kind,
  coalesce(get_json_object(response, '$.roleRef.name'), get_json_object(request, '$.roleRef.name'), '') AS role_name,
  subject.kind AS subject_kind, subject.name AS subject_name
FROM (SELECT *, explode(CASE WHEN response LIKE '{%' THEN from_json(response, 'subjects array<struct<kind:string,name:string>>').subjects
    WHEN request LIKE '{%' THEN from_json(request, 'subjects array<struct<kind:string,name:string>>').subjects
    WHEN request LIKE '[%' THEN from_json(request, 'array<struct<value:struct<kind:string,name:string>>>').value END) AS subject
  FROM events WHERE api_group = 'rbac.authorization.k8s.io' AND resource LIKE '%bindings' AND code BETWEEN 200 AND 299);
