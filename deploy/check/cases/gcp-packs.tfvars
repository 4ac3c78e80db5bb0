project        = "example-audit"
bucket         = "example-audit-archive"
location       = "europe-west3"
retention_days = 35
transitions    = []
packing        = true
