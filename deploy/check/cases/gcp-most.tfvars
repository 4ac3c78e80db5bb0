project                   = "example-audit"
bucket                    = "example-audit-archive"
location                  = "EUR4"
retention_days            = 400
lock_retention            = true
soft_delete_days          = 30
kms_key                   = "projects/example-audit/locations/eur4/keyRings/audit/cryptoKeys/archive"
transitions               = [{ days = 30, storage_class = "NEARLINE" }, { days = 365, storage_class = "ARCHIVE" }]
data_access_logs          = true
writer_workload_identity  = ["auditseal/auditseal"]
auditor_workload_identity = ["audit/verify"]
auditor_members           = ["group:audit@example.com"]
labels                    = { purpose = "audit" }
packing                   = true
prefix                    = "k8s"
packed_expire_days        = 30
packer_workload_identity  = ["audit/pack"]
