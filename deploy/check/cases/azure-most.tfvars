resource_group_name        = "audit"
location                   = "germanywestcentral"
account                    = "exampleauditarchive"
prefix                     = "k8s"
retention_days             = 400
lock_retention             = true
encryption_key_id          = "https://example.vault.azure.net/keys/archive"
chains                     = ["prod/cp-1/audit", "prod/cp-2/audit", "prod/cp-3/audit"]
log_analytics_workspace_id = "/subscriptions/0/workspace"
oidc_issuer_url            = "https://oidc.example.com/prod"
writer_service_accounts    = ["auditseal/auditseal"]
auditor_service_accounts   = ["audit/verify"]
writer_principal_ids       = ["11111111-2222-3333-4444-555555555555"]
auditor_principal_ids      = ["66666666-7777-8888-9999-000000000000"]
tags                       = { purpose = "audit" }
