variable "project" {
  description = "Project of the bucket, the roles and the service accounts. A locked bucket puts a lien on it: it can't be deleted before the retention is over."
  type        = string
}

variable "bucket" {
  description = "Name of the archive's bucket."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "3 to 63 characters of a-z, 0-9, '-' and '_'; a letter or digit first and last."
  }
}

variable "location" {
  description = "Where the bucket is: a region (europe-west3), or for a copy in a second region a dual-region (EUR4) or multi-region (EU). It can't be changed later."
  type        = string
}

variable "retention_days" {
  description = "Days for which each object can be neither deleted nor replaced, from its upload on."
  type        = number

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days
    error_message = "A whole number of days, 1 to 36500."
  }
}

variable "lock_retention" {
  description = "Locks the retention policy. IRREVERSIBLE: afterwards nobody, Google included, can shorten or remove it, nor delete the bucket while an object in it is younger. Until it is true, whoever can change the bucket can lift the retention, and auditseal calls the lock weak."
  type        = bool
  default     = false
}

variable "soft_delete_days" {
  description = "Days for which an object that was deleted after its retention can be brought back; 0, or 7 to 90."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "0, or 7 to 90."
  }
}

variable "kms_key" {
  description = "CMEK, as projects/…/locations/…/keyRings/…/cryptoKeys/…, in the bucket's location; null for Google's keys. Whoever can destroy this key can make the archive unreadable, whatever the retention says."
  type        = string
  default     = null
}

variable "transitions" {
  description = "When objects move to which storage class. All classes can be read at once; the colder, the dearer is each read. The genesis objects stay."
  type = list(object({
    days          = number
    storage_class = string
  }))
  default = [{ days = 90, storage_class = "COLDLINE" }]

  validation {
    condition     = alltrue([for move in var.transitions : contains(["NEARLINE", "COLDLINE", "ARCHIVE"], move.storage_class) && move.days >= 1])
    error_message = "NEARLINE, COLDLINE or ARCHIVE, after at least 1 day."
  }
}

variable "log_bucket" {
  description = "Existing bucket for the usage log, to which cloud-storage-analytics may write; null to make one."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days after which the usage log that this module makes is deleted."
  type        = number
  default     = 400
}

variable "data_access_logs" {
  description = "Turns on Cloud Audit Logs of reads and writes for Cloud Storage in the whole project, which says who did what; the usage log is best effort. It replaces what the project has set for Cloud Storage there."
  type        = bool
  default     = false
}

variable "name" {
  description = "Beginning of the names of the service accounts and roles."
  type        = string
  default     = "auditseal"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "2 to 21 characters of a-z, 0-9 and '-', a letter first."
  }
}

variable "writer_workload_identity" {
  description = "Kubernetes service accounts, NAMESPACE/NAME, of GKE clusters in this project's pool (PROJECT.svc.id.goog) that may act as the writer."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.writer_workload_identity : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "auditor_workload_identity" {
  description = "The same for the auditor."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.auditor_workload_identity : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "packing" {
  description = "Makes the packer's account, and the lifecycle rule by which what it marked as packed is deleted. Without it nothing in the archive is ever deleted."
  type        = bool
  default     = false
}

variable "prefix" {
  description = "Prefix of the archive's objects, as in --store gs://BUCKET/PREFIX: with packing, the packer marks nothing outside it. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = !startswith(var.prefix, "/") && !endswith(var.prefix, "/") && !strcontains(var.prefix, "\"")
    error_message = "No slash at the ends, no quotation mark."
  }
}

variable "packs_prefix" {
  description = "Prefix of the packs, beside the archive's own: with packing, the writer can't put there. Null for the archive's prefix followed by -packs (packs where that is empty); give the packer the same as its --packs."
  type        = string
  default     = null

  validation {
    condition     = var.packs_prefix == null ? true : can(regex("^[^/\"]+(/[^/\"]+)*$", var.packs_prefix))
    error_message = "Not empty, no slash at the ends, no quotation mark."
  }
}

variable "packed_expire_days" {
  description = "Days after it was marked as packed when a loose object is deleted; not before its retention has ended. One that isn't marked never is."
  type        = number
  default     = 7

  validation {
    condition     = var.packed_expire_days >= 1 && floor(var.packed_expire_days) == var.packed_expire_days
    error_message = "A whole number of days, at least 1: with 0 the rule might not ask for a mark at all."
  }
}

variable "packer_workload_identity" {
  description = "Kubernetes service accounts, NAMESPACE/NAME, that may act as the packer; not those of the nodes."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.packer_workload_identity : can(regex("^[a-z0-9-]+/[a-z0-9.-]+$", name))])
    error_message = "Each as NAMESPACE/NAME."
  }
}

variable "workload_identity_pool" {
  description = "Pool of the clusters, PROJECT.svc.id.goog; null for this project's."
  type        = string
  default     = null
}

variable "auditor_members" {
  description = "Further members that get the auditor's role, such as group:audit@example.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.auditor_members : !contains(["allUsers", "allAuthenticatedUsers"], member)])
    error_message = "Not everybody."
  }
}

variable "labels" {
  description = "Labels of the buckets."
  type        = map(string)
  default     = {}
}
