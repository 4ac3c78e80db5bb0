variable "resource_group_name" {
  description = "Existing resource group."
  type        = string
}

variable "location" {
  description = "Region of the account, such as germanywestcentral."
  type        = string
}

variable "account" {
  description = "Name of the storage account; give this archive one of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account))
    error_message = "3 to 24 characters of a-z and 0-9."
  }
}

variable "container" {
  description = "Name of the archive's container."
  type        = string
  default     = "audit-archive"

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", var.container))
    error_message = "3 to 63 characters of a-z, 0-9 and single '-' between them."
  }
}

variable "prefix" {
  description = "Prefix of the blobs' names, as in --store az://CONTAINER/PREFIX; the lifecycle rules use it, and with packing the conditions on the packer's and the writer's roles."
  type        = string
  default     = ""

  validation {
    condition     = !startswith(var.prefix, "/") && !endswith(var.prefix, "/") && !strcontains(var.prefix, "'")
    error_message = "No slash at the ends, no quotation mark."
  }
}

variable "retention_days" {
  description = "Days for which each blob can't be deleted, from its upload on. Overwritten it can't be even later."
  type        = number

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 146000 && floor(var.retention_days) == var.retention_days
    error_message = "A whole number of days, 1 to 146000."
  }
}

variable "lock_retention" {
  description = "Locks the container's immutability policy. IRREVERSIBLE: afterwards it can't be removed or shortened, only be extended five times, and neither the container nor the account can be deleted while it holds blobs under it. Until it is true, whoever may change the policy can lift it."
  type        = bool
  default     = false
}

variable "replication_type" {
  description = "Copies of the data: ZRS in one region; GZRS or RAGZRS (GRS, RAGRS) with a second region. The policy holds there too."
  type        = string
  default     = "GZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS"], var.replication_type)
    error_message = "LRS, ZRS, GRS, RAGRS, GZRS or RAGZRS."
  }
}

variable "soft_delete_days" {
  description = "Days for which a blob or container that was deleted after its retention can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.soft_delete_days >= 1 && var.soft_delete_days <= 365
    error_message = "1 to 365."
  }
}

variable "encryption_key_id" {
  description = "Key Vault key for an encryption scope that the container always uses; null for Microsoft's keys. The account's identity must be allowed to use it: see README.md. Whoever can purge this key can make the archive unreadable, whatever the policy says."
  type        = string
  default     = null
}

variable "chains" {
  description = "The origins in the archive, CLUSTER/NODE/SOURCE. Azure's rules know only beginnings of names: with these, all days but the genesis's 1970-01-01 are named, and the genesis stays hot. Empty: the rules cover the whole container."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for chain in var.chains : length(split("/", chain)) == 3])
    error_message = "Each as CLUSTER/NODE/SOURCE."
  }
}

variable "tier_to_cool_after_days" {
  description = "Days after which blobs move to the cool tier; null for never."
  type        = number
  default     = 30
}

variable "tier_to_cold_after_days" {
  description = "Days after which blobs move to the cold tier; null for never. Cool and cold are read at once; the archive tier, which isn't offered here, would have to be rehydrated before a verify."
  type        = number
  default     = 90
}

variable "access_log" {
  description = "Logs all reads, writes and deletes, to log_analytics_workspace_id, log_storage_account_id or both; one of them is needed. With false nobody can tell later who read or tried to delete what."
  type        = bool
  default     = true
}

variable "log_analytics_workspace_id" {
  description = "Existing workspace for the access log."
  type        = string
  default     = null
}

variable "log_storage_account_id" {
  description = "Existing storage account for the access log; not the archive's own."
  type        = string
  default     = null
}

variable "name" {
  description = "Beginning of the names of the identities and roles."
  type        = string
  default     = "auditseal"
}

variable "oidc_issuer_url" {
  description = "Issuer of the cluster's service account tokens, for workload identity; null for none. Any cluster that publishes its issuer will do, AKS or not."
  type        = string
  default     = null
}

variable "writer_service_accounts" {
  description = "Kubernetes service accounts, NAMESPACE/NAME, that may act as the writer."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.writer_service_accounts : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "auditor_service_accounts" {
  description = "The same for the auditor."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.auditor_service_accounts : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "writer_principal_ids" {
  description = "Object ids of further principals that get the writer's role (a service principal with a secret, a node's managed identity)."
  type        = list(string)
  default     = []
}

variable "auditor_principal_ids" {
  description = "Object ids of further principals that get the auditor's role."
  type        = list(string)
  default     = []
}

variable "packing" {
  description = "Makes the packer's identity, and the lifecycle rule by which what it marked as packed is deleted. Without it nothing in the archive is ever deleted."
  type        = bool
  default     = false
}

variable "packs_prefix" {
  description = "Prefix of the packs, beside the archive's own: with packing, the writer can't put there. Null for the archive's prefix followed by -packs (packs where that is empty); give the packer the same as its --packs."
  type        = string
  default     = null

  validation {
    condition     = var.packs_prefix == null ? true : can(regex("^[^/'*?]+(/[^/'*?]+)*$", var.packs_prefix))
    error_message = "Not empty, no slash at the ends, no quotation mark, '*' or '?'."
  }
}

variable "packed_expire_days" {
  description = "Days after its upload when a loose blob is deleted, if it is marked as packed by then; retention_days, if null, and never less. One that isn't marked never is."
  type        = number
  default     = null
}

variable "packer_service_accounts" {
  description = "Kubernetes service accounts, NAMESPACE/NAME, that may act as the packer; not those of the nodes."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.packer_service_accounts : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "packer_principal_ids" {
  description = "Object ids of further principals that get the packer's role."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags for everything that can have some."
  type        = map(string)
  default     = {}
}
