-- What did the token do that Mallory had made for the service account shop/deployer?
SELECT 'yes' AS answer, r.audit_id AS audit_id, r.stage AS stage, r.received AS received, r.source_ip AS source_ip, r.agent AS agent, r.verb AS verb, r.uri AS uri, r.code AS code
FROM requests r
JOIN (SELECT DISTINCT issued_credential FROM requests
      WHERE username = 'mallory' AND resource = 'serviceaccounts' AND subresource = 'token' AND namespace = 'shop' AND name = 'deployer' AND issued_credential <> '') i
  ON r.credential = i.issued_credential
ORDER BY received
