resource_group_name     = "audit"
location                = "germanywestcentral"
account                 = "exampleauditarchive"
retention_days          = 35
tier_to_cool_after_days = null
tier_to_cold_after_days = null
access_log              = false
packing                 = true
