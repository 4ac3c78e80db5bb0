locals {
  # Beginnings of names: of the chains' blobs, and of the packs.
  archive = "${var.prefix == "" ? "" : "${var.prefix}/"}cluster="
  packs   = var.packs_prefix != null ? var.packs_prefix : var.prefix == "" ? "packs" : "${var.prefix}-packs"

  # Ten beginnings of names fit into a rule of Azure's. 1970 is not among them; from 2000 on all years are.
  below  = "${var.container}/${var.prefix == "" ? "" : "${var.prefix}/"}"
  chains = [for chain in var.chains : split("/", chain)]
  days   = [for parts in local.chains : "${local.below}cluster=${parts[0]}/node=${parts[1]}/source=${parts[2]}/date=2"]
  rules  = length(local.days) == 0 ? [[local.below]] : chunklist(local.days, 10)
  tiers  = var.tier_to_cool_after_days != null || var.tier_to_cold_after_days != null
}

# The archive

resource "azurerm_storage_account" "archive" {
  name                             = var.account
  resource_group_name              = var.resource_group_name
  location                         = var.location
  account_kind                     = "StorageV2"
  account_tier                     = "Standard"
  account_replication_type         = var.replication_type
  access_tier                      = "Hot"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  allow_nested_items_to_be_public  = false
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  cross_tenant_replication_enabled = false
  tags                             = var.tags

  blob_properties {
    # Under a container's policy nothing can be overwritten, so there would never be a second version.
    versioning_enabled = false

    delete_retention_policy {
      days = var.soft_delete_days
    }

    container_delete_retention_policy {
      days = var.soft_delete_days
    }
  }

  dynamic "identity" {
    for_each = var.encryption_key_id == null ? [] : [true]

    content {
      type = "SystemAssigned"
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_encryption_scope" "archive" {
  count              = var.encryption_key_id == null ? 0 : 1
  name               = "archive"
  storage_account_id = azurerm_storage_account.archive.id
  source             = "Microsoft.KeyVault"
  key_vault_key_id   = var.encryption_key_id
}

resource "azurerm_storage_container" "archive" {
  name                              = var.container
  storage_account_id                = azurerm_storage_account.archive.id
  container_access_type             = "private"
  default_encryption_scope          = one(azurerm_storage_encryption_scope.archive[*].name)
  encryption_scope_override_enabled = var.encryption_key_id == null ? null : false

  lifecycle {
    prevent_destroy = true
  }
}

# For the container, not for each version: there an overwrite would add a version and shadow the true one.
resource "azurerm_storage_container_immutability_policy" "archive" {
  storage_container_resource_manager_id = azurerm_storage_container.archive.id
  immutability_period_in_days           = var.retention_days
  locked                                = var.lock_retention
  protected_append_writes_enabled       = false
  protected_append_writes_all_enabled   = false
}

resource "azurerm_management_lock" "archive" {
  name       = "${var.name}-archive"
  scope      = azurerm_storage_account.archive.id
  lock_level = "CanNotDelete"
  notes      = "Holds a sealed audit archive."
}

# By age it only moves. What is deleted is what the packer marked by an index tag; Azure deletes none that the policy holds.
resource "azurerm_storage_management_policy" "archive" {
  count              = local.tiers || var.packing ? 1 : 0
  storage_account_id = azurerm_storage_account.archive.id

  dynamic "rule" {
    for_each = local.tiers ? local.rules : []

    content {
      name    = "colder${rule.key}"
      enabled = true

      filters {
        blob_types   = ["blockBlob"]
        prefix_match = rule.value
      }

      actions {
        base_blob {
          tier_to_cool_after_days_since_modification_greater_than = var.tier_to_cool_after_days
          tier_to_cold_after_days_since_modification_greater_than = var.tier_to_cold_after_days
        }
      }
    }
  }

  dynamic "rule" {
    for_each = var.packing ? [true] : []

    content {
      name    = "packed"
      enabled = true

      filters {
        blob_types   = ["blockBlob"]
        prefix_match = ["${var.container}/${local.archive}"]

        match_blob_index_tag {
          name      = "auditseal-packed"
          operation = "=="
          value     = "true"
        }
      }

      actions {
        base_blob {
          delete_after_days_since_creation_greater_than = coalesce(var.packed_expire_days, var.retention_days)
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.packed_expire_days == null ? true : var.packed_expire_days >= var.retention_days
      error_message = "packed_expire_days before retention_days would only be refused, each day, by the policy."
    }

    precondition {
      condition     = !startswith("${local.packs}/", local.archive) && (var.prefix == "" || !startswith("${local.packs}/", "${var.prefix}/"))
      error_message = "The packs would lie within the archive: give them a packs_prefix beside it."
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "archive" {
  count                      = var.access_log ? 1 : 0
  name                       = "${var.name}-access"
  target_resource_id         = "${azurerm_storage_account.archive.id}/blobServices/default"
  log_analytics_workspace_id = var.log_analytics_workspace_id
  storage_account_id         = var.log_storage_account_id

  enabled_log {
    category = "StorageRead"
  }

  enabled_log {
    category = "StorageWrite"
  }

  enabled_log {
    category = "StorageDelete"
  }

  lifecycle {
    precondition {
      condition     = var.log_analytics_workspace_id != null || var.log_storage_account_id != null
      error_message = "The access log has nowhere to go: set log_analytics_workspace_id or log_storage_account_id, or access_log = false."
    }
  }
}
