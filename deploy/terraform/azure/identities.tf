# Who writes, and who audits. The account's keys are off; owners of the subscription can turn them on, and change what isn't locked.

locals {
  # The same files serve `az role definition create`.
  roles = {
    for who in ["writer", "auditor"] : who => jsondecode(templatefile("${path.module}/roles/${who}.json", {
      name  = var.name
      scope = data.azurerm_resource_group.this.id
    }))
  }
  scopes = {
    writer  = azurerm_storage_container.archive.id
    auditor = azurerm_storage_account.archive.id
  }
  service_accounts = {
    writer  = var.writer_service_accounts
    auditor = var.auditor_service_accounts
  }
  principals = {
    writer  = var.writer_principal_ids
    auditor = var.auditor_principal_ids
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
}

resource "azurerm_role_assignment" "others" {
  for_each = merge([
    for who, ids in local.principals : { for id in ids : "${who}/${id}" => { who = who, id = id } }
  ]...)
  scope              = local.scopes[each.value.who]
  role_definition_id = azurerm_role_definition.this[each.value.who].role_definition_resource_id
  principal_id       = each.value.id
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
