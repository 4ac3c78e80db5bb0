output "store" {
  description = "What to give auditseal as --store, together with AZURE_STORAGE_ACCOUNT_NAME."
  value       = "az://${azurerm_storage_container.archive.name}${var.prefix == "" ? "" : "/${var.prefix}"}"
}

output "account" {
  description = "Name of the storage account, for AZURE_STORAGE_ACCOUNT_NAME."
  value       = azurerm_storage_account.archive.name
}

output "writer_client_id" {
  description = "Client id of the writer's identity, for the service account's annotation azure.workload.identity/client-id or AZURE_CLIENT_ID."
  value       = azurerm_user_assigned_identity.this["writer"].client_id
}

output "auditor_client_id" {
  description = "Client id of the auditor's identity."
  value       = azurerm_user_assigned_identity.this["auditor"].client_id
}

output "packs" {
  description = "What to give auditseal as --packs."
  value       = "az://${azurerm_storage_container.archive.name}/${local.packs}"
}

output "packer_client_id" {
  description = "Client id of the packer's identity; null without one."
  value       = var.packing ? azurerm_user_assigned_identity.this["packer"].client_id : null
}

output "tenant_id" {
  description = "Tenant of the identities, for AZURE_TENANT_ID."
  value       = azurerm_user_assigned_identity.this["writer"].tenant_id
}

output "account_principal_id" {
  description = "Object id of the account's own identity, which the key vault must let use the key; null without encryption_key_id."
  value       = one(azurerm_storage_account.archive.identity[*].principal_id)
}

output "locked" {
  description = "Whether the immutability policy is locked. While it is false, the archive is not WORM."
  value       = var.lock_retention
}
