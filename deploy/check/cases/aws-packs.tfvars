bucket                = "example-audit-archive"
retention_days        = 35
admin_role_arns       = ["arn:aws:iam::123456789012:role/break-glass"]
writer_user           = true
transitions           = []
packing               = true
packer_principal_arns = ["arn:aws:iam::123456789012:role/auditors"]
