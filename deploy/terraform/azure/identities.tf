# Who writes, and who audits. The account's keys are off; owners of the subscription can turn them on, and change what isn't locked.

locals {
  # The same files serve `az role definition create`.
  roles = {
    for who in var.packing ? ["writer", "auditor", "packer"] : ["writer", "auditor"] : who => jsondecode(templatefile("${path.module}/roles/${who}.json", {
      name  = var.name
      scope = data.azurerm_resource_group.this.id
    }))
  }
  scopes = {
    writer  = azurerm_storage_container.archive.id
    auditor = azurerm_storage_account.archive.id
    packer  = azurerm_storage_container.archive.id
  }

  # Who may put where, and set tags on what: the writer no packs, the packer nothing else, and no tags on a genesis.
  blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
  path  = "@Resource[${local.blobs}:path]"
  conditions = var.packing ? {
    writer  = "((!(ActionMatches{'${local.blobs}/add/action'})) OR (${local.path} StringNotStartsWith '${local.packs}/'))"
    auditor = null
    packer  = "((!(ActionMatches{'${local.blobs}/add/action'})) OR (${local.path} StringStartsWith '${local.packs}/')) AND ((!(ActionMatches{'${local.blobs}/tags/write'})) OR (${local.path} StringStartsWith '${local.archive}' AND ${local.path} StringNotLike '*/date=1970-01-01/*'))"
  } : { writer = null, auditor = null }
  service_accounts = {
    writer  = var.writer_service_accounts
    auditor = var.auditor_service_accounts
    packer  = var.packing ? var.packer_service_accounts : []
  }
  principals = {
    writer  = var.writer_principal_ids
    auditor = var.auditor_principal_ids
    packer  = var.packing ? var.packer_principal_ids : []
  }
}

data "azurerm_resource_group" "this" {
  name = var.resource_group_name
}

resource "azurerm_role_definition" "this" {
  for_each          = local.roles
  name              = each.value.Name
  description       = each.value.Description
  scope             = each.value.AssignableScopes[0]
  assignable_scopes = each.value.AssignableScopes

  permissions {
    actions          = each.value.Actions
    not_actions      = each.value.NotActions
    data_actions     = each.value.DataActions
    not_data_actions = each.value.NotDataActions
  }
}

resource "azurerm_user_assigned_identity" "this" {
  for_each            = local.roles
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_role_assignment" "identity" {
  for_each           = local.roles
  scope              = local.scopes[each.key]
  role_definition_id = azurerm_role_definition.this[each.key].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.this[each.key].principal_id
  condition          = local.conditions[each.key]
  condition_version  = local.conditions[each.key] == null ? null : "2.0"
}

resource "azurerm_role_assignment" "others" {
  for_each = merge([
    for who, ids in local.principals : { for id in ids : "${who}/${id}" => { who = who, id = id } }
  ]...)
  scope              = local.scopes[each.value.who]
  role_definition_id = azurerm_role_definition.this[each.value.who].role_definition_resource_id
  principal_id       = each.value.id
  condition          = local.conditions[each.value.who]
  condition_version  = local.conditions[each.value.who] == null ? null : "2.0"
}

resource "azurerm_federated_identity_credential" "this" {
  for_each = merge([
    for who, names in local.service_accounts : { for name in names : "${who}/${name}" => { who = who, name = name } }
  ]...)
  name                = replace(each.key, "/[/.]/", "-")
  resource_group_name = var.resource_group_name
  parent_id           = azurerm_user_assigned_identity.this[each.value.who].id
  issuer              = var.oidc_issuer_url
  subject             = "system:serviceaccount:${replace(each.value.name, "/", ":")}"
  audience            = ["api://AzureADTokenExchange"]

  lifecycle {
    precondition {
      condition     = var.oidc_issuer_url != null
      error_message = "Service accounts need oidc_issuer_url."
    }
  }
}
