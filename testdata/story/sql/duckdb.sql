-- DuckDB: FILES is a path or a glob of logs, objects or packs.
CREATE OR REPLACE VIEW events AS
SELECT
  line ->> '$.requestReceivedTimestamp' AS received, line ->> '$.auditID' AS audit_id, line ->> '$.stage' AS stage, line ->> '$.level' AS log_level,
  line ->> '$.verb' AS verb, line ->> '$.requestURI' AS uri, coalesce(line ->> '$.userAgent', '') AS agent,
  coalesce(line ->> '$.user.username', '') AS username, coalesce(line ->> '$.impersonatedUser.username', '') AS acting_as,
  ',' || array_to_string(line ->> '$.user.groups[*]', ',') || ',' AS in_groups,
  coalesce(line ->> '$.user.extra."authentication.kubernetes.io/credential-id"[0]', '') AS credential,
  coalesce(line ->> '$.annotations."authentication.kubernetes.io/issued-credential-id"', '') AS issued_credential,
  coalesce(line ->> '$.annotations."authorization.k8s.io/decision"', '') AS decision,
  coalesce(line ->> '$.sourceIPs[#-1]', '') AS source_ip,
  coalesce(line ->> '$.objectRef.apiGroup', '') AS api_group, coalesce(line ->> '$.objectRef.resource', '') AS resource,
  coalesce(line ->> '$.objectRef.subresource', '') AS subresource, coalesce(line ->> '$.objectRef.namespace', '') AS namespace,
  coalesce(line ->> '$.objectRef.name', '') AS name,
  coalesce(CAST(line ->> '$.responseStatus.code' AS INTEGER), 0) AS code, coalesce(line ->> '$.responseStatus.message', '') AS message,
  coalesce(line ->> '$.requestObject', '') AS request, coalesce(line ->> '$.responseObject', '') AS response,
  coalesce(line ->> '$.responseObject.spec', line ->> '$.requestObject.spec') AS spec,
  CASE WHEN json_exists(line, '$.responseObject.items') THEN ',' || array_to_string(line ->> '$.responseObject.items[*].metadata.name', ',') || ',' END AS took,
  array_to_string(list_transform(regexp_extract_all(line ->> '$.requestURI', '[?&]command=([^&]*)', 1), lambda word: url_decode(replace(word, '+', ' '))), ' ') AS command
FROM (SELECT json AS line FROM read_ndjson_objects('FILES', maximum_object_size = 134217728) WHERE json ->> '$.kind' = 'Event');

-- A row for each subject that a binding has after a request, or that a patch adds.
CREATE OR REPLACE VIEW subjects AS
SELECT received, audit_id, stage, resource, namespace, name,
  coalesce(nullif(response, '') ->> '$.roleRef.kind', nullif(request, '') ->> '$.roleRef.kind', '') AS role_kind, coalesce(nullif(response, '') ->> '$.roleRef.name', nullif(request, '') ->> '$.roleRef.name', '') AS role_name,
  subject ->> '$.kind' AS subject_kind, subject ->> '$.name' AS subject_name
FROM (SELECT *, unnest(CASE WHEN response LIKE '{%' THEN json_extract(response, '$.subjects[*]') WHEN request LIKE '{%' THEN json_extract(request, '$.subjects[*]')
    WHEN request LIKE '[%' THEN json_extract(request, '$[*].value') ELSE [] END) AS subject
  FROM events WHERE api_group = 'rbac.authorization.k8s.io' AND resource LIKE '%bindings' AND code BETWEEN 200 AND 299);
