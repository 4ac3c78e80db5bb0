output "store" {
  description = "What to give auditseal as --store; add /PREFIX if you like."
  value       = "gs://${google_storage_bucket.archive.name}"
}

output "bucket" {
  description = "Name of the archive's bucket."
  value       = google_storage_bucket.archive.name
}

output "writer_email" {
  description = "E-mail of the writer's service account, for the Kubernetes service account's annotation iam.gke.io/gcp-service-account."
  value       = google_service_account.this["writer"].email
}

output "auditor_email" {
  description = "E-mail of the auditor's service account."
  value       = google_service_account.this["auditor"].email
}

output "packs" {
  description = "What to give auditseal as --packs."
  value       = "gs://${google_storage_bucket.archive.name}/${local.packs}"
}

output "packer_email" {
  description = "E-mail of the packer's service account; null without one."
  value       = var.packing ? google_service_account.this["packer"].email : null
}

output "writer_role" {
  description = "Id of the writer's role."
  value       = google_project_iam_custom_role.this["writer"].id
}

output "auditor_role" {
  description = "Id of the auditor's role."
  value       = google_project_iam_custom_role.this["auditor"].id
}

output "locked" {
  description = "Whether the retention is locked. While it is false, the archive is not WORM."
  value       = var.lock_retention
}
