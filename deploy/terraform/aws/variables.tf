variable "bucket" {
  description = "Name of the archive's bucket. Object Lock can't be taken off it again."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "3 to 63 characters of a-z, 0-9 and '-'; a letter or digit first and last. (Dots break TLS.)"
  }
}

variable "prefix" {
  description = "Prefix of the keys, as in --store s3://BUCKET/PREFIX; the writer and the auditor reach nothing outside it. Empty for the whole bucket."
  type        = string
  default     = ""

  validation {
    condition     = !startswith(var.prefix, "/") && !endswith(var.prefix, "/") && !strcontains(var.prefix, "*")
    error_message = "No slash at the ends, no '*'."
  }
}

variable "retention_days" {
  description = "Days for which each object is locked from its upload on. In COMPLIANCE mode nobody can shorten that, the account's root user included."
  type        = number

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days
    error_message = "A whole number of days, 1 to 36500."
  }
}

variable "retention_mode" {
  description = "COMPLIANCE; or GOVERNANCE for a trial, which whoever has s3:BypassGovernanceRetention can lift."
  type        = string
  default     = "COMPLIANCE"

  validation {
    condition     = contains(["COMPLIANCE", "GOVERNANCE"], var.retention_mode)
    error_message = "COMPLIANCE or GOVERNANCE."
  }
}

variable "admin_role_arns" {
  description = "Roles that may change the bucket's settings and, after retention, delete: break-glass roles. Whoever applies this module again must be among them, or the bucket's policy locks them out."
  type        = list(string)

  validation {
    condition     = length(var.admin_role_arns) > 0 && alltrue([for arn in var.admin_role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*?]+$", arn))])
    error_message = "At least one role's ARN, without wildcards (of an assumed role its IAM ARN, not the session's)."
  }
}

variable "kms_key_arn" {
  description = "ARN of a KMS key for SSE-KMS; null for SSE-S3. Whoever can delete this key can make the archive unreadable, whatever Object Lock says."
  type        = string
  default     = null
}

variable "transitions" {
  description = "When objects move to which storage class. Objects of at most 128 KiB stay where they are: that exempts the genesis objects, and costs less. GLACIER and DEEP_ARCHIVE must be restored before they can be verified."
  type = list(object({
    days          = number
    storage_class = string
  }))
  default = [{ days = 90, storage_class = "GLACIER_IR" }]

  validation {
    condition     = alltrue([for move in var.transitions : contains(["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], move.storage_class)])
    error_message = "STANDARD_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE. (One-zone classes don't fit an archive.)"
  }

  validation {
    condition     = alltrue([for move in var.transitions : move.days >= (move.storage_class == "STANDARD_IA" ? 30 : 1)])
    error_message = "At least 1 day; at least 30 for STANDARD_IA."
  }
}

variable "log_bucket" {
  description = "Existing bucket for the access log, in the same region and account, that lets the log service write; null to make one."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days after which the access log that this module makes expires."
  type        = number
  default     = 400
}

variable "name" {
  description = "Beginning of the names of the roles, the user and the policies."
  type        = string
  default     = "auditseal"
}

variable "writer_irsa" {
  description = "Lets service accounts of a cluster take the writer's role through its OIDC issuer (IRSA; works with self-managed clusters that publish their issuer)."
  type = object({
    oidc_provider_arn = string
    service_accounts  = list(string) # "NAMESPACE/NAME"
  })
  default = null

  validation {
    condition     = var.writer_irsa == null ? true : length(var.writer_irsa.service_accounts) > 0 && alltrue([for name in var.writer_irsa.service_accounts : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "At least one service account, each as NAMESPACE/NAME, no wildcards."
  }
}

variable "writer_pod_identity" {
  description = "Lets a service account of an EKS cluster take the writer's role through EKS Pod Identity."
  type = object({
    cluster_name    = string
    namespace       = string
    service_account = string
  })
  default = null
}

variable "writer_instance_profile" {
  description = "Makes an instance profile for control-plane nodes on EC2. Every process that reaches the instance's metadata service is then the writer."
  type        = bool
  default     = false
}

variable "writer_user" {
  description = "Makes an IAM user for static keys, for nodes outside AWS. Make the access key yourself: this module would leave it in its state."
  type        = bool
  default     = false
}

variable "extra_writer_arns" {
  description = "Further roles and users that may put objects, managed elsewhere; attach the policy in the output writer_policy_arn to them."
  type        = list(string)
  default     = []
}

variable "auditor_principal_arns" {
  description = "Who may take the auditor's role: roles, users or accounts, preferably of another account."
  type        = list(string)
  default     = []
}

variable "auditor_pod_identity" {
  description = "Lets a service account of an EKS cluster take the auditor's role, for a regular `auditseal verify`."
  type = object({
    cluster_name    = string
    namespace       = string
    service_account = string
  })
  default = null
}

variable "packing" {
  description = "Makes the packer's role, and the lifecycle rules by which what it marked as packed expires. Without it nothing in the archive ever expires."
  type        = bool
  default     = false
}

variable "packs_prefix" {
  description = "Prefix of the packs, beside the archive's own: nobody but the packer puts there. Null for the archive's prefix followed by -packs (packs where that is empty); give the packer the same as its --packs."
  type        = string
  default     = null

  validation {
    condition     = var.packs_prefix == null ? true : can(regex("^[^/*]+(/[^/*]+)*$", var.packs_prefix))
    error_message = "Not empty, no slash at the ends, no '*'."
  }
}

variable "packs_retention_days" {
  description = "For how many days the packer may lock each pack at most, as its --pack-retention asks: with a short retention_days, loose objects go early and packs stay. Null: it may lock nothing, and the bucket's default locks packs."
  type        = number
  default     = null

  validation {
    condition     = var.packs_retention_days == null ? true : var.packs_retention_days >= 1 && var.packs_retention_days <= 36500 && floor(var.packs_retention_days) == var.packs_retention_days
    error_message = "A whole number of days, 1 to 36500."
  }
}

variable "packed_expire_days" {
  description = "Days after its upload when a loose object goes, if it is marked as packed by then; retention_days, if null, and never less. One that isn't marked never goes."
  type        = number
  default     = null
}

variable "packer_irsa" {
  description = "Lets service accounts of a cluster take the packer's role through its OIDC issuer, as writer_irsa does the writer's. Not those of the nodes."
  type = object({
    oidc_provider_arn = string
    service_accounts  = list(string) # "NAMESPACE/NAME"
  })
  default = null

  validation {
    condition     = var.packer_irsa == null ? true : length(var.packer_irsa.service_accounts) > 0 && alltrue([for name in var.packer_irsa.service_accounts : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "At least one service account, each as NAMESPACE/NAME, no wildcards."
  }
}

variable "packer_pod_identity" {
  description = "Lets a service account of an EKS cluster take the packer's role."
  type = object({
    cluster_name    = string
    namespace       = string
    service_account = string
  })
  default = null
}

variable "packer_principal_arns" {
  description = "Who else may take the packer's role: roles, users or accounts."
  type        = list(string)
  default     = []
}

variable "replica" {
  description = "A locked copy in a second region. The bucket's name, the region, and a KMS key of that region if kms_key_arn is set."
  type = object({
    bucket      = string
    region      = string
    kms_key_arn = optional(string)
  })
  default = null
}

variable "tags" {
  description = "Tags for everything that can have some."
  type        = map(string)
  default     = {}
}
