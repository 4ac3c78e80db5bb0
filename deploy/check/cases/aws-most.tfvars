bucket                  = "example-audit-archive"
prefix                  = "k8s"
retention_days          = 2555
admin_role_arns         = ["arn:aws:iam::123456789012:role/break-glass", "arn:aws:iam::123456789012:role/terraform"]
kms_key_arn             = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
transitions             = [{ days = 30, storage_class = "STANDARD_IA" }, { days = 180, storage_class = "DEEP_ARCHIVE" }]
writer_instance_profile = true
writer_user             = true
extra_writer_arns       = ["arn:aws:iam::123456789012:role/other-writer"]
auditor_principal_arns  = ["arn:aws:iam::210987654321:root"]
tags                    = { purpose = "audit" }

writer_irsa = {
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/prod"
  service_accounts  = ["auditseal/auditseal"]
}

writer_pod_identity = {
  cluster_name    = "tools"
  namespace       = "auditseal"
  service_account = "auditseal"
}

auditor_pod_identity = {
  cluster_name    = "tools"
  namespace       = "audit"
  service_account = "verify"
}

replica = {
  bucket      = "example-audit-archive-copy"
  region      = "eu-west-1"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/66666666-7777-8888-9999-000000000000"
}

packing              = true
packs_retention_days = 2555
packed_expire_days   = 2600

packer_irsa = {
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/audit"
  service_accounts  = ["audit/pack"]
}

packer_pod_identity = {
  cluster_name    = "tools"
  namespace       = "audit"
  service_account = "pack"
}
