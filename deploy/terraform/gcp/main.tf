data "google_storage_project_service_account" "this" {
  project = var.project
}

locals {
  pool = var.workload_identity_pool == null ? "${var.project}.svc.id.goog" : var.workload_identity_pool

  # Beginnings of names: of the chains' objects, and of the packs.
  archive = "${var.prefix == "" ? "" : "${var.prefix}/"}cluster="
  packs   = var.packs_prefix != null ? var.packs_prefix : var.prefix == "" ? "packs" : "${var.prefix}-packs"

  # A lifecycle condition can name ends of keys, but not exempt one. These are the ends of all sequence numbers but those that end with 0000:
  # so the genesis (…/000000000000.jsonl.zst) stays, and with it one object in ten thousand. Google takes 50 of them at most in a rule.
  not_genesis = flatten([
    for zeros in ["", "0", "00", "000"] : [for digit in range(1, 10) : "${digit}${zeros}.jsonl.zst"]
  ])
}

# The archive

resource "google_storage_bucket" "archive" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.location
  storage_class               = "STANDARD"
  force_destroy               = false
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  retention_policy {
    retention_period = var.retention_days * 86400
    is_locked        = var.lock_retention
  }

  # Under a retention policy nothing can be replaced, so there would never be a second version.
  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      default_kms_key_name = encryption.value
    }
  }

  # By age it only moves.
  dynamic "lifecycle_rule" {
    for_each = var.transitions

    content {
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.value.storage_class
      }

      condition {
        age            = lifecycle_rule.value.days
        matches_suffix = local.not_genesis
      }
    }
  }

  # What is deleted is what the packer marked by a custom time, that many days ago, and what no retention holds any more.
  dynamic "lifecycle_rule" {
    for_each = var.packing ? [true] : []

    content {
      action {
        type = "Delete"
      }

      condition {
        days_since_custom_time = var.packed_expire_days
        age                    = var.retention_days
        matches_prefix         = [local.archive]
      }
    }
  }

  logging {
    log_bucket        = var.log_bucket == null ? google_storage_bucket.log[0].name : var.log_bucket
    log_object_prefix = var.bucket
  }

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = !startswith("${local.packs}/", local.archive) && (var.prefix == "" || !startswith("${local.packs}/", "${var.prefix}/"))
      error_message = "The packs would lie within the archive: give them a packs_prefix beside it."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.storage, google_storage_bucket_iam_member.log]
}

# Cloud Storage itself uses the key, for whoever may read or write.
resource "google_kms_crypto_key_iam_member" "storage" {
  count         = var.kms_key == null ? 0 : 1
  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
}

# The usage log

resource "google_storage_bucket" "log" {
  count                       = var.log_bucket == null ? 1 : 0
  project                     = var.project
  name                        = "${substr(var.bucket, 0, 56)}-access"
  location                    = var.location
  force_destroy               = false
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = var.log_retention_days
    }
  }
}

resource "google_storage_bucket_iam_member" "log" {
  count  = length(google_storage_bucket.log)
  bucket = google_storage_bucket.log[0].name
  role   = "roles/storage.objectCreator"
  member = "group:cloud-storage-analytics@google.com"
}

resource "google_project_iam_audit_config" "storage" {
  count   = var.data_access_logs ? 1 : 0
  project = var.project
  service = "storage.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }

  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
