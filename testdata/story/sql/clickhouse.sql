-- ClickHouse: FILES is a path or a glob of logs, objects or packs.
CREATE OR REPLACE VIEW events AS
SELECT
  JSONExtractString(line, 'requestReceivedTimestamp') AS received, JSONExtractString(line, 'auditID') AS audit_id, JSONExtractString(line, 'stage') AS stage,
  JSONExtractString(line, 'level') AS log_level, JSONExtractString(line, 'verb') AS verb, JSONExtractString(line, 'requestURI') AS uri,
  JSONExtractString(line, 'userAgent') AS agent, JSONExtractString(line, 'user', 'username') AS username,
  JSONExtractString(line, 'impersonatedUser', 'username') AS acting_as,
  ',' || arrayStringConcat(JSONExtract(line, 'user', 'groups', 'Array(String)'), ',') || ',' AS in_groups,
  JSONExtractString(line, 'user', 'extra', 'authentication.kubernetes.io/credential-id', 1) AS credential,
  JSONExtractString(line, 'annotations', 'authentication.kubernetes.io/issued-credential-id') AS issued_credential,
  JSONExtractString(line, 'annotations', 'authorization.k8s.io/decision') AS decision,
  JSONExtractString(line, 'sourceIPs', -1) AS source_ip,
  JSONExtractString(line, 'objectRef', 'apiGroup') AS api_group, JSONExtractString(line, 'objectRef', 'resource') AS resource,
  JSONExtractString(line, 'objectRef', 'subresource') AS subresource, JSONExtractString(line, 'objectRef', 'namespace') AS namespace,
  JSONExtractString(line, 'objectRef', 'name') AS name,
  JSONExtractInt(line, 'responseStatus', 'code') AS code, JSONExtractString(line, 'responseStatus', 'message') AS message,
  JSONExtractRaw(line, 'requestObject') AS request, JSONExtractRaw(line, 'responseObject') AS response,
  nullIf(if(JSONHas(line, 'responseObject', 'spec'), JSONExtractRaw(line, 'responseObject', 'spec'), JSONExtractRaw(line, 'requestObject', 'spec')), '') AS spec,
  if(JSONHas(line, 'responseObject', 'items'),
    ',' || arrayStringConcat(arrayMap(item -> JSONExtractString(item, 'metadata', 'name'), JSONExtractArrayRaw(line, 'responseObject', 'items')), ',') || ',', NULL) AS took,
  arrayStringConcat(arrayMap(word -> decodeURLFormComponent(word), extractAll(JSONExtractString(line, 'requestURI'), '[?&]command=([^&]*)')), ' ') AS command
FROM (SELECT json AS line FROM file('FILES', 'JSONAsString', 'json String') WHERE JSONExtractString(json, 'kind') = 'Event');

-- A row for each subject that a binding has after a request, or that a patch adds.
CREATE OR REPLACE VIEW subjects AS
SELECT received, audit_id, stage, resource, namespace, name,
  JSONExtractString(if(JSONHas(response, 'roleRef'), response, request), 'roleRef', 'kind') AS role_kind,
  JSONExtractString(if(JSONHas(response, 'roleRef'), response, request), 'roleRef', 'name') AS role_name,
  JSONExtractString(subject, 'kind') AS subject_kind, JSONExtractString(subject, 'name') AS subject_name
FROM (SELECT *, arrayJoin(multiIf(response LIKE '{%', JSONExtractArrayRaw(response, 'subjects'), request LIKE '{%', JSONExtractArrayRaw(request, 'subjects'),
    arrayMap(one -> JSONExtractRaw(one, 'value'), JSONExtractArrayRaw(request)))) AS subject
  FROM events WHERE api_group = 'rbac.authorization.k8s.io' AND resource LIKE '%bindings' AND code BETWEEN 200 AND 299);
